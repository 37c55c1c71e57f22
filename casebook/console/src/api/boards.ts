import { request } from './client'

/** A rate from 0 to 1 or a number; null where there is nothing to divide by. */
export interface Figure {
  value: number | null
  part: number
  whole: number | null
  before: number | null
  year_before: number | null
}

export interface Period {
  first: string
  last: string
}

interface Compared {
  period: Period
  before: Period | null
  year_before: Period | null
  as_of: string
}

export interface Indicator {
  code: string
  name: string
  says: string
  better: 'high' | 'low' | ''
  rate: boolean
  judged: boolean
}

export interface UnitLine {
  code: string
  name: string
  unit_class: string
  rank: number | null
  score: number | null
  full_score: number
  points: Record<string, number>
  answers: number
  few_answers: boolean
  interval: [number, number] | null
  idle: boolean
  figures: Record<string, Figure>
}

export interface UnitTable extends Compared {
  definition_version: number
  classes: Record<string, string>
  units: UnitLine[]
  total: UnitLine
}

export interface Place {
  name: string
  group: string
  registered: number
  before: number | null
  year_before: number | null
  change: number | null
  due: number
  on_time_rate: number | null
  closing_rate: number | null
  satisfaction: number | null
  answers: number
}

export interface PlaceTable extends Compared {
  items: Place[]
}

export interface Hot {
  matter: string
  count: number
  usual: number
  z: number
  rising: boolean
}

export interface Group {
  matter: string
  region: string
  place: string
  alarm: { citizens: number; hours: number; usual: number }
}

export interface CaseCounts {
  registered: number
  public: number
  answered: number
  urgent: number
}

export type Waiting = Record<'voicemails' | 'emergencies' | 'risks' | 'triage' | 'handling' | 'review' | 'callback', number>

export interface Overview extends Compared {
  registered: Figure
  on_the_spot: Figure
  today: CaseCounts
  demands: Record<string, number>
  channels: Record<string, number>
  trend: [string, number, number][]
  hot: Hot[]
  groups: Group[]
  waiting: Waiting
}

export interface TelephoneToday {
  offered: number
  answered: number
  abandoned: number
  connection_rate: number | null
  within_s: number
  within_rate: number | null
  asa_s: number | null
}

export interface Live {
  as_of: string
  today: CaseCounts
  waiting: Waiting
  hot: Hot[]
  groups: Group[]
  telephone: TelephoneToday | null
}

export type AttentionKind = 'overdue' | 'returned' | 'reopened' | 'supervised' | 'urged'

export interface AttentionLine {
  case_no: string
  title: string
  state: string
  unit: string
  unit_name: string
  matter: string
  region: string
  at: string | null
  urgings: number
  note: string
}

export interface AttentionList {
  as_of: string
  items: AttentionLine[]
}

export interface Verified {
  ended_at: string | null
  cases: number
  findings: number
  first_finding: string
  anchored_day: string | null
  anchor_hash: string
}

/** Days of a period; none of them: this month up to today. */
export type Asked = Partial<Period>

function query(asked: Asked, more: Record<string, string> = {}): string {
  const params = new URLSearchParams(more)
  if (asked.first) params.set('since', asked.first)
  if (asked.last) params.set('until', asked.last)
  const text = params.toString()
  return text ? `?${text}` : ''
}

const path = '/statistics'
export const getIndicators = async (): Promise<Indicator[]> =>
  (await request<{ items: Indicator[] }>('GET', `${path}/definitions`)).items
export const getUnits = (asked: Asked): Promise<UnitTable> => request('GET', `${path}/units${query(asked)}`)
export const getPlaces = (by: 'matters' | 'regions', asked: Asked): Promise<PlaceTable> =>
  request('GET', `${path}/${by}${query(asked)}`)
export const getOverview = (asked: Asked): Promise<Overview> => request('GET', `${path}/overview${query(asked)}`)
export const getLive = (): Promise<Live> => request('GET', `${path}/live`)
export const getAttention = (kind: AttentionKind, asked: Asked, limit = 200): Promise<AttentionList> =>
  request('GET', `${path}/attention${query(asked, { kind, limit: String(limit) })}`)
export const getVerified = (): Promise<Verified> => request('GET', `${path}/verification`)

/** Address of the units' table as a file. */
export const unitsFile = (asked: Asked, form: 'csv' | 'xlsx'): string => `/api/v1${path}/units${query(asked, { form })}`
