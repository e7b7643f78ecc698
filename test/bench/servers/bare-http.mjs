// The least that node:http can do: the same octets and headers to whoever asks. PORT, a file of octets, the headers as JSON for GET and for POST, how many workers [1].
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file, get, post, workers = 1] = process.argv.slice(2)
if (cluster.isPrimary && Number(workers) > 1) {
  // As src/workers.ts does.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  for (let number = 0; number < Number(workers); number++) cluster.fork()
} else serve()

function serve() {
  const der = readFileSync(file)
  const heads = { GET: JSON.parse(get), POST: JSON.parse(post) }
  createServer((request, response) => {
    const answer = () => {
      response.writeHead(200, heads[request.method])
      response.end(der)
    }
    if (request.method === 'GET') return answer()
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', answer)
  }).listen(Number(port), '127.0.0.1')
}
