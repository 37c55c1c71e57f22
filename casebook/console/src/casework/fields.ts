import type { Case, Rules } from '../api/cases'
import { DEMANDS } from './labels'

/** What a form holds: text for everything but ticks, and codes of several units. */
export type Value = string | boolean | string[]
export type Values = Record<string, Value>

export interface Context {
  detail: Case
  rules: Rules | null
  /** Code of the reader's unit; empty for none. */
  unit: string
}

export interface Field {
  name: string
  label: string
  kind: 'line' | 'text' | 'select' | 'radio' | 'yesno' | 'tick' | 'units' | 'moment' | 'days' | 'grade'
  options?: Readonly<Record<string, string>>
  /** Options under headings. */
  groups?: Readonly<Record<string, readonly string[]>>
  required?: boolean
  /** A tick that has to be set. */
  mustTick?: boolean
  most?: number
  rows?: number
  hint?: string
  initial?: Value
  /** The public answer: checked while it is typed. */
  reply?: boolean
}

export const text = (name: string, label: string, more: Partial<Field> = {}): Field => ({
  name, label, kind: 'text', required: true, most: 500, ...more,
})
export const note = (label: string, required = true): Field => text('note', label, { required })

export function unitOptions(rules: Rules | null, besides: readonly string[] = []): Record<string, string> {
  const units = (rules?.units ?? []).filter((unit) => !besides.includes(unit.code))
  return Object.fromEntries(units.map((unit) => [unit.code, unit.name]))
}

/** Each kind of value has a field of its own, so that a change of mind loses nothing. */
export function correctedValue(what: string, rules: Rules | null): Field {
  const name = `value_${what}`
  const label = '改为'
  switch (what) {
    case 'demand':
      return { name, label, kind: 'select', options: DEMANDS, required: true }
    case 'matter':
      return { name, label, kind: 'select', groups: rules?.groups ?? {}, required: true }
    case 'region':
      return { name, label, kind: 'select', options: Object.fromEntries((rules?.regions ?? []).map((one) => [one, one])) }
    case 'about_unit':
      return { name, label, kind: 'select', options: unitOptions(rules) }
    case 'urgent':
      return { name, label, kind: 'radio', options: { yes: '紧急', no: '不紧急' }, required: true }
    case 'secret':
      return { name, label, kind: 'radio', options: { yes: '保密', no: '不保密' }, required: true }
    case 'body':
      return text(name, label, { most: 500, rows: 5 })
    default:
      return { name, label, kind: 'line', required: what === 'title', most: 200 }
  }
}
