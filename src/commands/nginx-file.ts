/** nginx in front of several machines: the portals behind TLS, the status nodes behind a cache that keeps what their headers let it keep. */

export interface NginxFacts {
  /** PORTAL_URL (https) and STATUS_URL (http): what is listened on, and under which names. */
  readonly portalUrl: string
  readonly statusUrl: string
  /** host:port of each node. */
  readonly portals: readonly string[]
  readonly statuses: readonly string[]
  /** PEM files for PORTAL_URL. */
  readonly certificate: string
  readonly key: string
  /** PEM file of who certified the portals' own PORTAL_TLS_CERTIFICATE; null where plain HTTP leads to them, through a network that nobody else reaches. */
  readonly portalAuthority: string | null
  /** Addresses to listen on. */
  readonly listen: readonly string[]
  /** Folders of the cache and of the log. */
  readonly cache: string
  readonly log: string
}

/** MiB: the largest upload that any page takes, and the form around it. */
export const LARGEST_FORM_MIB = 12

const urlParts = (url: string) => {
  const { protocol, hostname, port } = new URL(url)
  return { name: hostname, port: port === '' ? (protocol === 'https:' ? '443' : '80') : port }
}

/** @returns a file for nginx's http block (Debian: /etc/nginx/conf.d/), nginx 1.22 or newer */
export function nginxFile(facts: NginxFacts): string {
  const portal = urlParts(facts.portalUrl)
  const status = urlParts(facts.statusUrl)
  const listen = (port: string, more: string) => facts.listen.map((address) => `  listen ${address}:${port}${more};`).join('\n')
  const upstream = (name: string, nodes: readonly string[], idle: string) => `upstream ${name} {
${nodes.map((node) => `  server ${node} max_fails=3 fail_timeout=2s;`).join('\n')}
  keepalive 64;
  # Shorter than the nodes keep a connection: who closes an idle one is never the node while a request is on its way.
  keepalive_timeout ${idle};
  # Fewer than a node lets one connection have.
  keepalive_requests 900;
}`
  const tls = facts.portalAuthority
  const toNode = (more: string) => `    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    # Written anew, never added to: what a client says of itself is not believed.
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Forwarded "";
${more}`
  // Who comes by HTTP out of habit is led on; where the status has this name and port itself, it has them.
  const redirect = portal.port === '443' && !(status.port === '80' && status.name === portal.name)
  // At whatever level nginx writes of a request there (that no node answers is an "error", that the disk is full "crit"), it adds the whole request line and the
  // client's address, and leaves nothing of it out. So no server has one; which node failed is told by a log of ours.
  const quiet = `  error_log /dev/null emerg;
  access_log ${facts.log}/codesign-failures.log codesign_failures if=$codesign_failed;`
  return `# Printed by  npm run nginx:config  from PORTAL_URL and STATUS_URL.

${upstream('codesign_portal', facts.portals, '60s')}

${upstream('codesign_status', facts.statuses, '4s')}

proxy_cache_path ${facts.cache} levels=1:2 keys_zone=codesign_status:64m max_size=4g inactive=1h use_temp_path=off;

# OCS-8: what the cache answers, the nodes never see. Keep this log with theirs. Like theirs without the address of who asked.
# A line is bounded: what is longer than a question about sixteen certificates is cut.
map $request $codesign_asked {
  default "";
  "~^(?<codesign_begin>.{0,2500})" $codesign_begin;
}
# What nginx's own error log says of a request has its path and who asked: links that were mailed are secrets in the path, and OCS-8 keeps no address. Nothing can
# be left out of it, so these servers write none. Which node did not answer, or answered with an error, stands here, one line a request; the reason is in that
# node's own log and at its /ready. What nginx says of itself stays in its main error log.
map $upstream_status $codesign_failed {
  default "";
  "~50[0-9]" 1;
}
log_format codesign_failures '$time_iso8601 $server_name $request_method $status "$upstream_addr" "$upstream_status" "$upstream_response_time"';

log_format codesign_status '$time_iso8601 "$codesign_asked" $status $body_bytes_sent $upstream_cache_status';

# What no cache may answer costs a signature, and a time-stamp a row for years besides: so many of each a second from one address.
map $request_method $codesign_posting {
  default "";
  POST $binary_remote_addr;
}
limit_req_zone $binary_remote_addr zone=codesign_asking:10m rate=1000r/s;
limit_req_zone $codesign_posting zone=codesign_posting:10m rate=100r/s;
limit_req_zone $binary_remote_addr zone=codesign_stamping:10m rate=20r/s;
limit_req_zone $binary_remote_addr zone=codesign_pages:10m rate=50r/s;
limit_conn_zone $binary_remote_addr zone=codesign_connections:10m;

# An answer is kept under the spellings that clients use (RFC 6960 A.1): other escapes, further slashes and what follows a "?" would be a key each.
map $request_uri $codesign_odd {
  default "";
  "~^//" 1;
  "~^/ocsp/{3,}" 1;
  "~[?]" 1;
  "~%(?!2[BbFf]|3[Dd]|20)" 1;
}

# Another name than the portal's gets no TLS.
server {
${listen(portal.port, ' ssl default_server')}
  ssl_reject_handshake on;
  # Of the servers on one port the first decides.
  ssl_protocols TLSv1.2 TLSv1.3;
  # Before the name is known this one writes for all.
  error_log /dev/null emerg;
  access_log off;
}

server {
${listen(portal.port, ' ssl http2')}
  server_name ${portal.name};
  server_tokens off;

  ssl_certificate ${facts.certificate};
  ssl_certificate_key ${facts.key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:codesign_portal:10m;
  ssl_session_timeout 1h;
  ssl_session_tickets off;

  # Links that were mailed are secrets, and stand in the path.
${quiet}

  # In sum less than a portal takes: nginx refuses what is more, not the portal, who would be taken for dead.
  large_client_header_buffers 4 8k;
  client_max_body_size ${LARGEST_FORM_MIB}m;
  limit_conn codesign_connections 100;
  limit_req zone=codesign_pages burst=200 nodelay;
  limit_conn_status 429;
  limit_req_status 429;
  client_header_timeout 15s;
  client_body_timeout 30s;
  send_timeout 30s;

  location / {
    proxy_pass ${tls === null ? 'http' : 'https'}://codesign_portal;
${toNode('    proxy_set_header X-Forwarded-Proto https;')}
    proxy_connect_timeout 2s;
    proxy_send_timeout 30s;
    proxy_read_timeout 60s;
    # Another portal is asked where one is not there; never twice with a form that may have arrived.
    proxy_next_upstream error timeout;
    proxy_next_upstream_timeout 10s;${
      tls === null
        ? ''
        : `
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_server_name on;
    proxy_ssl_name ${portal.name};
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${tls};`
    }
  }
}
${
  redirect
    ? `
server {
${listen('80', '')}
  server_name ${portal.name};
  server_tokens off;
  error_log /dev/null emerg;
  access_log off;
  return 301 https://${portal.name}$request_uri;
}
`
    : ''
}
# Plain HTTP, as certificates name it (RFC 5280 8): what is answered is signed. Also for whoever asks by the address alone.
server {
${listen(status.port, ' default_server')}
  server_name ${status.name};
  server_tokens off;
  access_log ${facts.log}/codesign-status.log codesign_status;
${quiet}

  # The longest OCSP request by GET, each of its characters escaped; by POST 8192 octets. In sum less than a node takes (48 KiB with what is added here): what is
  # more nginx refuses by itself, since a node that refuses it would be taken for dead.
  large_client_header_buffers 1 40k;
  client_max_body_size 8k;
  limit_conn codesign_connections 100;
  limit_conn_status 429;
  limit_req_status 429;
  # Room for the longest path as a cache's key beside the answer's header.
  proxy_buffer_size 64k;
  proxy_buffers 8 64k;
  proxy_busy_buffers_size 128k;
  client_header_timeout 10s;
  client_body_timeout 10s;
  send_timeout 60s;

  # No two answers are alike, and each is a row on record: never asked for twice.
  location = /tsa {
    client_max_body_size 4k;
    limit_req zone=codesign_stamping burst=100 nodelay;
    proxy_pass http://codesign_status;
${toNode('    proxy_set_header X-Forwarded-Proto http;')}
    proxy_connect_timeout 1s;
    proxy_send_timeout 10s;
    proxy_read_timeout 20s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_timeout 10s;
  }

  location / {
    limit_req zone=codesign_asking burst=2000 nodelay;
    limit_req zone=codesign_posting burst=500 nodelay;
    proxy_pass http://codesign_status;
${toNode('    proxy_set_header X-Forwarded-Proto http;')}
    proxy_connect_timeout 1s;
    proxy_send_timeout 10s;
    proxy_read_timeout 20s;
    # An answer given twice does no harm.
    proxy_next_upstream error timeout http_500 http_502 http_503 non_idempotent;
    proxy_next_upstream_timeout 10s;

    # GET alone, for as long as the answer's Cache-Control says (RFC 5019 6), and not a moment longer: nothing stale when no node answers.
    proxy_cache codesign_status;
    proxy_cache_methods GET HEAD;
    proxy_cache_key $request_uri;
    proxy_cache_revalidate on;
    proxy_cache_lock on;
    proxy_cache_lock_timeout 2s;
    proxy_cache_use_stale off;
    proxy_cache_bypass $codesign_odd;
    proxy_no_cache $codesign_odd;
    # Good and revoked may be of the same second: the tag tells them apart, the date does not.
    if_modified_since off;
    add_header X-Cache-Status $upstream_cache_status;
  }
}
`
}
