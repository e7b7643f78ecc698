/** Multipart forms: read into memory under limits set before the first octet arrives. */
import busboy from 'busboy'
import type { Request } from 'express'
import type { Message } from './locales.ts'
import type { UploadedFile } from './reply.ts'
import { wellFormed } from './well-formed.ts'

export interface Multipart {
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  readonly files: readonly UploadedFile[]
  readonly problem: Message | null
}

/** What a person would call the file: no control characters, no half of a character where it was cut, at most 200. */
const plainName = (given: string): string => [...wellFormed(given.replace(/[\p{Cc}\p{Cf}]/gu, ''))].slice(-200).join('') || 'file'

/** Never rejects for what the sender did: too much or broken multipart comes back as a sentence. */
export function readMultipart(request: Request, limits: { maxBytes: number; maxFiles: number }): Promise<Multipart> {
  return new Promise((resolve) => {
    const fields: [string, string][] = []
    const files: UploadedFile[] = []
    let problem: Message | null = null
    let total = 0
    let parser: busboy.Busboy
    try {
      parser = busboy({ headers: request.headers, defParamCharset: 'utf8', limits: { fileSize: limits.maxBytes, files: limits.maxFiles, fields: 60, fieldSize: 64 * 1024, fieldNameSize: 100, parts: limits.maxFiles + 60, headerPairs: 20 } })
    } catch {
      request.resume()
      resolve({ fields, files, problem: { key: 'forms.upload-broken' } })
      return
    }
    const tooLarge = () => (problem ??= { key: 'forms.upload-too-large', values: { limit: String(Math.floor(limits.maxBytes / 1024)) } })
    for (const limit of ['fieldsLimit', 'partsLimit'] as const) parser.on(limit, () => (problem ??= { key: 'forms.upload-broken' }))
    parser.on('field', (name, value, info) => {
      if (info.valueTruncated) problem ??= { key: 'forms.upload-too-large', values: { limit: '64' } }
      fields.push([name, value])
    })
    parser.on('file', (field, stream, info) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => {
        total += chunk.length
        if (total > limits.maxBytes) tooLarge()
        else chunks.push(chunk)
      })
      stream.on('limit', tooLarge)
      // A form cut off within a file ends the file's stream with an error: unheard it would end the process.
      stream.on('error', () => (problem ??= { key: 'forms.upload-broken' }))
      stream.on('close', () => {
        // An empty file input arrives as a nameless file.
        if (info.filename) files.push({ field, name: plainName(info.filename), bytes: Buffer.concat(chunks) })
      })
    })
    parser.on('filesLimit', () => (problem ??= { key: 'forms.upload-too-many', values: { limit: String(limits.maxFiles) } }))
    parser.on('error', () => {
      problem ??= { key: 'forms.upload-broken' }
      request.unpipe(parser)
      request.resume()
      resolve({ fields, files, problem })
    })
    parser.on('close', () => resolve({ fields, files, problem }))
    request.on('aborted', () => resolve({ fields, files, problem: problem ?? { key: 'forms.upload-broken' } }))
    request.pipe(parser)
  })
}
