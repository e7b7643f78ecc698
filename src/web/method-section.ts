/** What a method of key protection adds to the page of that step: words and commands of its own, and routes of its own. */
import type { Dossier } from '../application/application.ts'
import type { ProtectionFacts } from '../key-protection/protection.ts'
import type { Services } from '../services.ts'
import type { Language } from './locales.ts'
import type { FieldError, PageRequest, Reply, Route } from './reply.ts'

export interface SectionContext {
  readonly services: Services
  readonly language: Language
  readonly now: Date
  readonly dossier: Dossier
  readonly facts: ProtectionFacts
  readonly query: Readonly<Record<string, string>>
  /** What was entered into one of the section's own forms, when that came back; empty otherwise. */
  readonly entered: Readonly<Record<string, string>>
}

/** Shows the step's page again, with what was entered into the section's form and what is wrong with it. */
export type ShowStep = (request: PageRequest, dossier: Dossier, entered: Readonly<Record<string, string>>, errors: readonly FieldError[]) => Promise<Reply>

export interface MethodSection {
  /** Of the method; its view is views/apply/methods/<id>.ejs, which gets `section`. */
  readonly id: string
  /** The view's model. Called outside of any transaction. */
  model(context: SectionContext): Promise<Readonly<Record<string, unknown>>>
  /** Beside those of the step itself, below `/applications/:reference/key-protection/`. */
  routes?(services: Services, show: ShowStep): readonly Route[]
}
