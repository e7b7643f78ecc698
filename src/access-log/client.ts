/** As much of an address as the policy has written down: the network of a provider's customers, not the customer (IPv4 /24, IPv6 /48). */
import { isIPv6 } from 'node:net'

export function truncatedAddress(address: string | undefined): string {
  if (address === undefined) return '-'
  const [, v4] = /^(?:::ffff:)?(\d+\.\d+\.\d+)\.\d+$/i.exec(address) ?? []
  if (v4 !== undefined) return `${v4}.0/24`
  if (!isIPv6(address)) return '-'
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return `${groups.slice(0, 3).map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/48`
}
