/** CP, CPS and agreements (REP-1; CSBR 2.2, 2.3): those in force, every version before them, and their exact octets. */
import type { EarlierText, PolicyDocument } from '../../policy/policy.ts'
import type { Services } from '../../services.ts'
import { parseMarkdown } from '../markdown.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'
import { documentAddress } from '../repository-model.ts'

const isEarlier = (text: PolicyDocument | EarlierText): text is EarlierText => 'inForceUntil' in text

function findText({ services, params }: PageRequest): PolicyDocument | EarlierText | null {
  return [...services.policy.texts, ...services.policy.earlierTexts].find((text) => text.document === params['document'] && text.version === params['version'] && text.language === params['language']) ?? null
}

const showDocuments = async ({ services, language }: PageRequest): Promise<Reply> => {
  const { documents, texts, earlierTexts } = services.policy
  const shown = (all: readonly PolicyDocument[]) => all.map((text) => ({ language: text.language, href: documentAddress(text), sha256: text.sha256 }))
  return page('repository/documents', 'repository.history.title', {
    documents: documents.map((row) => ({
      id: row.document,
      title: row.title[language],
      sample: row.sample,
      versions: [
        { version: row.version, from: row.inForceFrom, until: null, texts: shown(texts.filter(({ document }) => document === row.document)) },
        ...(row.earlier ?? []).map(({ version, inForceFrom }) => {
          const found = earlierTexts.filter((text) => text.document === row.document && text.version === version)
          return { version, from: inForceFrom, until: found[0]!.inForceUntil, texts: shown(found) }
        }),
      ],
    })),
  })
}

const showDocument = async (request: PageRequest): Promise<Reply> => {
  const text = findText(request)
  if (!text) return { kind: 'not-found' }
  const { texts, earlierTexts } = request.services.policy
  const others = [...texts, ...earlierTexts].filter((each) => each.document === text.document && each.version === text.version && each.language !== text.language)
  return page('repository/document', { key: 'repository.document.title', values: { title: text.title } }, {
    document: text.document,
    version: text.version,
    sample: text.sample,
    since: request.services.policy.documents.find(({ document, version }) => document === text.document && version === text.version)?.inForceFrom ?? null,
    earlier: isEarlier(text) ? { from: text.inForceFrom, until: text.inForceUntil } : null,
    sha256: text.sha256,
    textLanguage: text.language,
    blocks: parseMarkdown(text.text),
    others: others.map((each) => ({ language: each.language, href: documentAddress(each) })),
    source: `${documentAddress(text)}/source`,
  })
}

// The octets that the SHA-256 is of, so that anybody can check what was agreed to.
const sendSource = async (request: PageRequest): Promise<Reply> => {
  const text = findText(request)
  return text ? { kind: 'file', bytes: Buffer.from(text.text, 'utf8'), type: 'text/markdown; charset=utf-8', name: `${text.document}-${text.version}.${text.language}.md` } : { kind: 'not-found' }
}

export function repositoryDocumentsRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/repository/documents', who: 'anyone', events: [], handle: showDocuments },
    { method: 'GET', path: '/repository/documents/:document/:version/:language', who: 'anyone', events: [], handle: showDocument },
    { method: 'GET', path: '/repository/documents/:document/:version/:language/source', who: 'anyone', events: [], handle: sendSource },
  ]
}
