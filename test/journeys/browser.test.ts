/** The judge is judged: each fault of a page that the journeys are to see, alone on a page that is good otherwise. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, NO_CHROMIUM, openBrowser } from '../support/browser.ts'

const available = haveChromium()

interface Given {
  readonly lang?: string
  readonly head?: string
  readonly body?: string
  readonly status?: number
}

const FAULTS: Readonly<Record<string, Given & { readonly said: RegExp }>> = {
  'an image without alt': { body: '<img src="/dot.svg">', said: /axe at .*image-alt/s },
  'a field without a label': { body: '<input name="x">', said: /axe at .*label/s },
  'too little contrast': { body: '<p style="color:#bbb;background:#fff">faint</p>', said: /axe at .*color-contrast/s },
  'something wider than 320 px': { body: '<div style="width:500px">wide</div>', said: /sideways scroll at .*320 px/s },
  'an inline script, which the policy stops': { body: '<script>document.title = "x"</script>', said: /faults at .*Content Security Policy/s },
  'a picture that is not there': { body: '<img src="/none.svg" alt="none">', said: /faults at .*none\.svg was answered 404/s },
  'a picture that breaks off': { body: '<img src="/broken.svg" alt="broken">', said: /faults at .*request failed: .*broken\.svg/s },
  'another site asked': { body: '<img src="http://127.0.0.1:9/x.svg" alt="elsewhere">', said: /faults at .*127\.0\.0\.1:9/s },
  'another language': { lang: 'ja', said: /lang of/ },
  'another status': { status: 500, said: /status of/ },
}

describe.skipIf(!available)(available ? 'the browser of the journeys' : NO_CHROMIUM, () => {
  let server: Server
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let given: Given = {}

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/dot.svg') return void response.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg xmlns="http://www.w3.org/2000/svg"/>')
      if (request.url === '/broken.svg') return void response.destroy()
      if (request.url === '/endless.svg') return void response.writeHead(200, { 'content-type': 'image/svg+xml' }).write('<svg')
      if (request.url !== '/page') return void response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end()
      response.writeHead(given.status ?? 200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; img-src *; style-src 'unsafe-inline'" })
      response.end(`<!doctype html><html lang="${given.lang ?? 'en'}"><head><title>Page</title><meta name="viewport" content="width=device-width, initial-scale=1">${given.head ?? ''}</head><body><main><h1>Page</h1>${given.body ?? ''}</main></body></html>`)
    })
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    browser = await openBrowser('browser')
  })
  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
  })

  const judge = async (page: Given, visits = 1) => {
    given = page
    const person = await browser.person(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    try {
      for (let each = 0; each < visits; each++) await person.visit('/page')
    } finally {
      await person.leave()
    }
  }

  test('takes a good page', async () => {
    await judge({})
  })

  test('takes a page that is left while its icon is still on the way', async () => {
    await judge({ head: '<link rel="icon" href="/endless.svg">' }, 3)
  })

  test.each(Object.entries(FAULTS))('sees %s', async (_name, { said, ...page }) => {
    await expect(judge(page)).rejects.toThrow(said)
  })
})
