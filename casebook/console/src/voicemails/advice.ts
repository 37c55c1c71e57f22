/** What the server suggests for a demand, and what forms offer. */
import { request } from '../api/client'

export interface Duplicate {
  case_no: string
  state: string
  title: string
  reasons?: string[]
}

export interface Advice {
  matters: { name: string; group: string; probability: number; accepted: boolean }[]
  /** The matter that is sure enough to be filled in; empty for none. */
  fill_in: string
  place: { region: string; place: string; quote: string } | null
  unit: { unit: string; name: string; basis: string } | null
  duplicates: Duplicate[]
  model: string
}

export interface Question {
  text: string
  matter: string
  region: string
  place: string
  case_no: string
}

export function askAdvice(question: Question, signal?: AbortSignal): Promise<Advice> {
  return request('POST', '/suggestions', { body: question, ...(signal ? { signal } : {}) })
}

export interface Choice {
  kind: 'matter' | 'region'
  offered: string[]
  chosen: string
}

/** What a person took of what was offered: agreement is counted. */
export function keepChoices(caseNo: string, model: string, choices: Choice[], idempotencyKey: string): Promise<void> {
  return request('POST', `/suggestions/${encodeURIComponent(caseNo)}/decisions`, { body: { model, choices }, idempotencyKey })
}

export interface Rules {
  regions: string[]
  /** Matters by their group. */
  groups: Record<string, string[]>
}

let rules: Promise<Rules> | undefined

/** The city's regions and matters, read once. */
export function cityRules(): Promise<Rules> {
  rules ??= request<Rules>('GET', '/rules').catch((error: unknown) => {
    rules = undefined
    throw error
  })
  return rules
}

export interface FoundCase {
  case_no: string
  state: string
  title: string
}

export async function findCase(caseNo: string): Promise<FoundCase> {
  const { case: found } = await request<{ case: FoundCase }>('GET', `/cases/${encodeURIComponent(caseNo)}`)
  return found
}
