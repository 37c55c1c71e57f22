import { request } from './client'
import type { CaseEvent } from './voicemails'

export type Light = 'green' | 'yellow' | 'red'

export interface Order {
  seq: number
  unit: string
  role: 'lead' | 'co'
  basis: string
  rule: string
  dispatched_by: string
  dispatched_at: string | null
  sign_due_at: string | null
  signed_at: string | null
  signed_late: boolean
  due_at: string | null
  first_due_at: string | null
  /** 指定办理: it may not be returned any more. */
  final: boolean
  return_code: string
  returned_at: string | null
  /** Asked for and not decided yet. */
  extension_wd: number
  extension_signed: boolean
  extensions: number
  suspended_at: string | null
  resume_at: string | null
  contacts: number
  contact_granted: boolean
  feedback_pending: boolean
  fed_back_at: string | null
  late: boolean
  defects: number
  urgings: number
  unanswered: number
  result: string
  ended_at: string | null
}

export interface CaseRecord {
  case_no: string
  channel: string
  version: number
  state: string
  demand: string
  title: string
  body: string
  matter: string
  region: string
  place: string
  urgent: boolean
  secret: boolean
  anonymous: boolean
  about_unit: string
  commitment: string
  registered_at: string | null
  registered_by: string | null
  due_at: string | null
  first_due_at: string | null
  lead_unit: string
  answer: string
  refusal: string
  refusal_by: string
  supervision: string
  supervision_due_at: string | null
  instructed_by: string
  attempts: number
  reached: boolean
  closing_by: string
  solved: string
  satisfied: number | null
  satisfied_hotline: number | null
  reopened: number
  outcome: string
  closed_at: string | null
  master_no: string
  orders: Order[]
}

export interface CaseFile {
  id: number
  file_name: string
  media_type: string
  size: number
  sha256: string
  added_by: string
  added_at: string
}

export interface Clock {
  what:
    | 'case' | 'triage' | 'refusal' | 'return' | 'consult' | 'sign' | 'handle' | 'extension' | 'review' | 'callback' | 'rework'
    | 'report'
  /** Whose time it is; empty for the hotline's own. */
  unit: string
  due: string
  light: Light
}

export interface Route {
  id: string
  unit: string
  co_units: string[]
  basis: string
  closable: boolean
}

export interface Case {
  case: CaseRecord
  masked_number: string
  events: CaseEvent[]
  files: CaseFile[]
  /** The events that the reader may fire now. */
  allowed: string[]
  light: Light
  chain_ok: boolean
  clocks: Clock[]
  may_reveal: boolean
  route: Route | null
  people: Readonly<Record<string, string>>
  /** The cases that were merged into this one. */
  merged: readonly string[]
}

export interface CaseLine {
  case_no: string
  state: string
  demand: string
  title: string
  matter: string
  region: string
  lead_unit: string
  urgent: boolean
  registered_at: string | null
  due_at: string | null
  version: number
  supervision: string
  light: Light
}

export interface CasePage {
  items: CaseLine[]
  next_cursor: string | null
}

export interface QueueLine {
  case: CaseLine
  clock: Clock | null
  route: Route | null
  unit: string
  dispatched_by: string
  return_code: string
  extension_wd: number
  urgings: number
  unanswered: number
  /** The reader did the step that another one is to judge now. */
  own: boolean
}

export interface Queue {
  items: QueueLine[]
  total: number
}

export interface WorkLine {
  case_no: string
  title: string
  state: string
  order: Order
  light: Light
}

export interface Rules {
  units: { code: string; name: string; kind: string }[]
  regions: string[]
  groups: Readonly<Record<string, string[]>>
  commitments: string[]
  refusals: { code: string; name: string; channel: string }[]
  limits: string[]
  roles: Readonly<Record<string, string>>
  provisional_years: number[]
}

export interface Finding {
  code: string
  must: boolean
  message: string
  quote: string
}

export interface CaseQuery {
  words?: string
  state?: string
  unit?: string
  matter?: string
  region?: string
  since?: string
  until?: string
  cursor?: string
  limit: number
}

export interface Advice {
  matters: { name: string; group: string; probability: number; accepted: boolean }[]
  unit: { unit: string; name: string; basis: string } | null
}

const UPLOAD_MS = 300_000
const at = (caseNo: string): string => `/cases/${encodeURIComponent(caseNo)}`
const withSignal = (signal?: AbortSignal) => (signal ? { signal } : {})

export function listCases(query: CaseQuery, signal?: AbortSignal): Promise<CasePage> {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, String(value))
  return request('GET', `/cases?${params}`, withSignal(signal))
}

export const getCase = (caseNo: string, signal?: AbortSignal): Promise<Case> =>
  request('GET', at(caseNo), withSignal(signal))

/** Fire an event; its fields are those of its command. */
export const fire = (caseNo: string, event: string, body: Readonly<Record<string, unknown>>, idempotencyKey: string): Promise<Case> =>
  request('POST', `${at(caseNo)}/${event}`, { body, idempotencyKey })

export function attachFile(caseNo: string, version: number, file: File, idempotencyKey: string): Promise<Case> {
  const body = new FormData()
  body.append('file', file)
  return request('POST', `${at(caseNo)}/attachments?version=${version}`, { body, idempotencyKey, timeoutMs: UPLOAD_MS })
}

export const fileUrl = (caseNo: string, id: number): string => `/api/v1${at(caseNo)}/attachments/${id}`

export const revealContact = (caseNo: string, reason: string, idempotencyKey: string): Promise<{ number: string; name: string }> =>
  request('POST', `${at(caseNo)}/reveal`, { body: { reason }, idempotencyKey })

export const checkReply = (caseNo: string, answer: string, signal?: AbortSignal): Promise<{ findings: Finding[] }> =>
  request('POST', `${at(caseNo)}/reply_check`, { body: { answer }, ...withSignal(signal) })

export const getQueue = (name: string, signal?: AbortSignal): Promise<Queue> => request('GET', `/queues/${name}`, withSignal(signal))

export const getTotals = (signal?: AbortSignal): Promise<{ totals: Record<string, number> }> =>
  request('GET', '/queues', withSignal(signal))

export const getWork = (signal?: AbortSignal): Promise<{ items: WorkLine[]; consultations: CaseLine[] }> =>
  request('GET', '/work?limit=500', withSignal(signal))

export const getRules = (): Promise<Rules> => request('GET', '/rules')

/** What the adviser makes of a demand that the catalogue says nothing of. */
export const askAdvice = (record: CaseRecord): Promise<Advice> =>
  request('POST', '/suggestions', {
    body: { text: `${record.title}\n${record.body}`, region: record.region, place: record.place, case_no: record.case_no },
  })
