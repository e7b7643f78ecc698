// The least that node:http can do: the same octets and headers to whoever asks. PORT, a file of octets, the headers as JSON.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file, get, post] = process.argv.slice(2)
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
