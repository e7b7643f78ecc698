/** The demo makers that this installation made for itself. They count under a demo hierarchy only, which is asked elsewhere. */
import { z } from 'zod'
import type { DemoAnchor } from '../attestation/makers.ts'
import type { Database, Transaction } from './database.ts'

const anchorSchema = z.object({ subject: z.string(), subjectDer: z.string(), spki: z.string(), notBefore: z.string(), notAfter: z.string() })

export async function readDemoAnchors(db: Database | Transaction): Promise<readonly DemoAnchor[]> {
  return (await db('demo_anchors').orderBy('created_at').select('anchor')).map((row: { anchor: string }) => anchorSchema.parse(JSON.parse(row.anchor)))
}
