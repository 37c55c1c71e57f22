import { request } from './client'
import type { Role } from '../session/session'

export interface Account {
  name: string
  display_name: string
  role: Role
  unit: string
  extension: string
  must_change: boolean
  disabled_at: string | null
  locked_until: string | null
  version: number
  sessions: number
}

export interface Profile {
  display_name: string
  role: Role
  unit: string
  extension: string
}

export interface AccountEvent {
  at: string
  actor: string
  user_name: string
  what: string
  detail: string
}

export interface Unit {
  code: string
  name: string
}

export interface CityFile {
  name: string
  readers: string[]
  waiting: boolean
}

export interface CityText {
  name: string
  text: string
  sha256: string
}

export interface CityVersion {
  id: number
  file: string
  n: number
  made_by: string
  made_at: string
  note: string
}

export interface Findings {
  wrong: string[]
  to_do: string[]
}

export interface CalendarDay {
  day: string
  is_workday: boolean
  name: string
}

export interface CalendarYear {
  year: number
  state: 'announced' | 'provisional' | 'unknown'
  source: string
  days: CalendarDay[]
}

export interface Override {
  id: number
  kind: 'on' | 'off' | 'night' | 'day'
  agent: string
  starts_at: string
  ends_at: string
  made_by: string
}

interface List<T> {
  items: T[]
}

const at = (name: string): string => `/admin/users/${encodeURIComponent(name)}`

export const accounts = () => request<List<Account>>('GET', '/admin/users')
export const accountLog = () => request<List<AccountEvent>>('GET', '/admin/users-log')
export const addAccount = (name: string, profile: Profile) =>
  request<{ password: string }>('POST', '/admin/users', { body: { name, ...profile } })
export const changeAccount = (name: string, profile: Profile, version: number) =>
  request<undefined>('PUT', at(name), { body: { ...profile, version } })
export const disableAccount = (name: string) => request<undefined>('POST', `${at(name)}/disable`)
export const enableAccount = (name: string) => request<undefined>('POST', `${at(name)}/enable`)
export const signOutAccount = (name: string) => request<undefined>('POST', `${at(name)}/sign-out`)
export const resetPassword = (name: string) => request<{ password: string }>('POST', `${at(name)}/reset-password`)

export const units = async (): Promise<Unit[]> => (await request<{ units: Unit[] }>('GET', '/rules')).units

export const cityFiles = () => request<List<CityFile> & { started_at: string }>('GET', '/admin/city')
export const cityFile = (name: string) => request<CityText>('GET', `/admin/city/${name}`)
export const cityVersions = (name: string) => request<List<CityVersion>>('GET', `/admin/city-versions?file=${name}`)
export const cityDiff = (id: number, name: string) =>
  request<{ lines: string[]; text: string }>('GET', `/admin/city-versions/${id}/diff?name=${name}`)
export const checkCity = (edits: CityText[]) => request<Findings>('POST', '/admin/city-check', { body: { edits } })
export const saveCity = (edits: CityText[], note: string) =>
  request<Findings>('PUT', '/admin/city', { body: { edits, note } })

export const calendarYear = (year: number) => request<CalendarYear>('GET', `/admin/calendar/${year}`)
export const replaceYear = (year: number, days: CalendarDay[], source: string) =>
  request<{ recounted: number }>('PUT', `/admin/calendar/${year}`, { body: { days, source } })

export const overrides = () => request<List<Override>>('GET', '/desk/overrides')
export const addOverride = (body: Omit<Override, 'id' | 'made_by'>, idempotencyKey: string) =>
  request<List<Override>>('POST', '/desk/overrides', { body, idempotencyKey })
export const cancelOverride = (id: number, idempotencyKey: string) =>
  request<undefined>('DELETE', `/desk/overrides/${id}`, { idempotencyKey })
