import type { CaseLine } from './cases'
import { request } from './client'

export type AgentStateName = 'ready' | 'paused' | 'wrapup' | 'out'

export interface AgentState {
  extension: string
  user_name: string
  state: AgentStateName
  reason: string
  since: string
}

/** What the browser registers its telephone with. */
export interface PhoneAccount {
  extension: string
  url: string
  uri: string
  name: string
  password: string
}

export interface LiveCall {
  call_id: string
  state: 'ringing' | 'up'
}

/** Who calls; `known`: there is a number to register a case with. */
export interface CallerCard {
  call_id: string
  masked_number: string
  started_at: string | null
  known: boolean
  cases: readonly CaseLine[]
}

export interface DeskCall {
  call_id: string
  masked_number: string
  started_at: string | null
  answered_at: string
  ended_at: string | null
}

export interface Line {
  id: string
  name: string
  kind: string
  emergency: boolean
  open: boolean
}

export interface CallbackTask {
  id: number
  ani_masked: string
  last_call_id: string
  reason: 'requested' | 'missed' | 'abandoned'
  state: 'open' | 'claimed'
  calls: number
  attempts: number
  created_at: string
  claimed_by: string | null
  /** What whoever asked for it wants to know. */
  note: string
}

export interface NewCase {
  demand: string
  title: string
  body: string
  place: string
  matter: string
  region: string
  phone: string
  name: string
  anonymous: boolean
  secret: boolean
  urgent: boolean
}

export interface Registered {
  case_no: string
  query_code: string
}

export interface Rules {
  regions: string[]
  groups: Record<string, string[]>
}

export interface Advice {
  matters: { name: string; group: string; probability: number; accepted: boolean }[]
  fill_in: string
  place: { region: string; place: string; quote: string } | null
  unit: { unit: string; name: string; basis: string; closable: boolean } | null
  duplicates: { case_no: string; state: string; received_at: string; title: string; reasons: string[]; likeness: number }[]
  group: { citizens: number; hours: number } | null
  model: string
}

export interface Hit {
  id: number
  n: number
  title: string
  excerpt: string
  on_the_spot: boolean
  in_force: boolean
  review_overdue: boolean
}

export interface Answer {
  entry_id: number
  n: number
  title: string
  text: string
  basis: string
}

const call = (callId: string): string => `/desk/calls/${encodeURIComponent(callId)}`
const post = <T>(path: string, idempotencyKey: string, body?: unknown): Promise<T> =>
  request('POST', path, body === undefined ? { idempotencyKey } : { body, idempotencyKey })

export const listAgents = (): Promise<{ items: AgentState[]; extensions: string[] }> => request('GET', '/desk/agents')
export const logIn = (extension: string, key: string): Promise<AgentState> => post('/desk/login', key, { extension })
export const changeState = (state: AgentStateName, reason: string, key: string): Promise<AgentState> =>
  post('/desk/state', key, { state, reason })

export const getPhone = (): Promise<PhoneAccount> => request('GET', '/desk/phone')
export const listLiveCalls = (): Promise<{ items: LiveCall[] }> => request('GET', '/desk/calls')
export const getCaller = (callId: string): Promise<CallerCard> => request('GET', `${call(callId)}/caller`)
export const tookCall = (callId: string, idempotencyKey: string): Promise<void> =>
  request('PUT', call(callId), { idempotencyKey })
/** Whom the call was handed to, and who answered. */
export const callRecord = (callId: string): Promise<{ legs: { target: string; answered_at: string | null }[] }> =>
  request('GET', call(callId))
export const listUnfinished = (): Promise<{ items: DeskCall[] }> => request('GET', '/desk/unfinished')
export const registerOfCall = (callId: string, body: NewCase, key: string): Promise<Registered> =>
  post(`${call(callId)}/cases`, key, body)
export const dispose = (callId: string, disposition: string, note: string, key: string): Promise<void> =>
  post(`${call(callId)}/disposition`, key, { disposition, note })

export const listLines = (): Promise<{ items: Line[] }> => request('GET', '/desk/lines')
/** What is done with the call that the agent has now: transfer, consult, complete, return, three, leave, hold, mute... */
export const deskAction = (action: string, key: string, body?: unknown): Promise<{ call_id: string }> =>
  post(`/desk/call/${action}`, key, body)

export const listCallbacks = (): Promise<{ items: CallbackTask[] }> => request('GET', '/desk/callbacks')
export const startCallback = (id: number, key: string): Promise<void> => post(`/desk/callbacks/${id}/call`, key)
export const closeCallback = (id: number, reached: boolean, note: string, key: string): Promise<void> =>
  post(`/desk/callbacks/${id}/close`, key, { reached, note })

export const getRules = (): Promise<Rules> => request('GET', '/rules')
export const listMyCases = (): Promise<{ items: CaseLine[] }> => request('GET', '/cases?limit=10')
export const getCase = (caseNo: string): Promise<{ case: { version: number; state: string } }> =>
  request('GET', `/cases/${encodeURIComponent(caseNo)}`)
export const caseCommand = (caseNo: string, event: string, body: object, key: string): Promise<unknown> =>
  post(`/cases/${encodeURIComponent(caseNo)}/${event}`, key, body)

export function suggest(
  question: { text: string; matter: string; region: string; place: string; call_id: string },
  signal: AbortSignal,
): Promise<Advice> {
  return request('POST', '/suggestions', { body: question, signal })
}
export const decideSuggestions = (caseNo: string, body: object, key: string): Promise<void> =>
  post(`/suggestions/${encodeURIComponent(caseNo)}/decisions`, key, body)
export function findEntries(words: string, signal: AbortSignal): Promise<{ items: Hit[] }> {
  return request('GET', `/knowledge?${new URLSearchParams({ q: words.slice(0, 500), limit: '5' })}`, { signal })
}
export const answerOf = (entryId: number): Promise<Answer> => request('GET', `/knowledge/${entryId}/answer`)
export const useEntry = (entryId: number, caseNo: string, key: string): Promise<unknown> =>
  post(`/knowledge/${entryId}/uses`, key, { case_no: caseNo, useful: true })
