/** Puts the questions to a LiquidSecurity statement, for the clouds that run these HSMs. They differ in whether the owner can be proven too. */
import { finding, say, untrustedClaim, type Device, type ExamineContext, type Findings, type Message } from '../../src/attestation/verifier.ts'
import { generatedInside, notExportable, sameKey } from './attributes.ts'
import { ATTRIBUTE } from './blob.ts'
import { AREA, makerLeg, ownerLeg, statementChecks } from './chain.ts'
import { fieldText } from './key.ts'
import { moduleChecks } from './module.ts'
import type { MarvellStatement } from './statement.ts'

/** `owner`: whether a key of the cloud's is held, so that its leg is asked for. Where none is, `cautions` says what stays unproven. */
export function examineStatement(statement: MarvellStatement, context: ExamineContext, { owner, cautions = [] }: { owner: boolean; cautions?: readonly Message[] }): Findings {
  const maker = makerLeg(statement, context.anchors, context.at)
  const legs = owner ? [maker, ownerLeg(statement, context.anchors, context.at, maker.card)] : [maker]
  const genuine = [...legs.flatMap(({ checks }) => checks), ...statementChecks(statement)]
  const claimed = genuine.some(({ outcome }) => outcome === 'fail')
  const claim = claimed ? [untrustedClaim()] : []
  const same = sameKey(statement.key, context.publicKey)
  const module = moduleChecks(statement, maker.card, maker.anchor, context)
  return {
    'genuine-device': finding(genuine, { cautions: [...legs.flatMap((leg) => leg.cautions), ...cautions], headline: maker.headline }),
    'same-key': finding(same, { claimed, headline: same[0] }),
    'generated-inside': finding([...claim, ...generatedInside(statement.key)], { claimed }),
    'not-exportable': finding([...claim, ...notExportable(statement.key)], { claimed }),
    'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
  }
}

/** For people to read; `cloud` is the key of the model's words. */
export function describeStatement({ key, certificates: { partition, ownerPartition } }: MarvellStatement, cloud: string): Device {
  const hsm = (partition ?? ownerPartition)!.hsm
  const detail = (label: string, value: Message) => ({ label: say(`${AREA}.label.${label}`), value })
  const text = (type: number) => say(`${AREA}.text`, { text: fieldText(key.privateObject, type) ?? '–' })
  return {
    maker: 'Marvell',
    model: say(`${AREA}.model.${cloud}`),
    firmware: null,
    serial: hsm.card,
    formFactor: null,
    details: [
      detail('partition', say(`${AREA}.text`, { text: hsm.partition! })),
      detail('mode', say(`${AREA}.mode.${hsm.fipsMode ? 'says-fips' : 'says-nothing'}`)),
      detail('key-label', text(ATTRIBUTE.label)),
      detail('key-id', text(ATTRIBUTE.id)),
    ],
  }
}
