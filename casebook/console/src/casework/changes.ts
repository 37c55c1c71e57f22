import type { Case } from '../api/cases'
import type { CaseEvent } from '../api/voicemails'
import { clockTime } from '../shared/format'
import { CAUSES, CORRECTED, DEFECTS, DEMANDS, eventWord, HOW, RESULTS, RETURN_CODES, SATISFIED, SOLVED } from './labels'
import { useRules } from './useRules'

/** Who did something, as people are called: "李娟（派单员）", "王强（承办人，海州区人民政府）". */
export function actorOf(detail: Pick<Case, 'people'>, event: Pick<CaseEvent, 'actor' | 'payload'>): string {
  if (event.actor === 'system') return '系统'
  const { roleName, unitName } = useRules()
  const by = (event.payload.by ?? {}) as { role?: string; unit?: string }
  const where = [by.role && roleName(by.role), by.unit && unitName(by.unit)].filter(Boolean).join('，')
  const name = detail.people[event.actor] ?? event.actor
  return where ? `${name}（${where}）` : name
}

/** What happened after the event `seen`, a sentence each. */
export function changesSince(detail: Case, seen: number): string[] {
  return detail.events
    .filter((event) => event.seq > seen)
    .map((event) => `${clockTime(event.at)} ${actorOf(detail, event)}：${eventWord(event.type)}`)
}

const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  code: RETURN_CODES, defect: DEFECTS, solved: SOLVED, how: HOW, result: RESULTS, cause: CAUSES, what: CORRECTED, satisfied: SATISFIED,
}
const NAMES: Readonly<Record<string, string>> = {
  unit: '承办单位', co_units: '协办', units: '参加单位', basis: '依据', proposed_unit: '建议', days: '工作日', solved: '结果', satisfied: '满意度',
  satisfied_hotline: '对热线', file_name: '文件', internal: '办理情况', answer: '答复', minutes: '会商纪要', leader: '领导', master_no: '并入', line: '线路',
  old: '原为', value: '改为', law: '法律依据', proof: '凭证', reference: '来电', result: '结果', unsolved_reason: '未解决的原因',
}
const SHOWN = [
  'code', 'defect', 'what', 'old', 'value', 'cause', 'unit', 'co_units', 'units', 'proposed_unit', 'basis', 'law', 'days', 'how', 'result', 'solved', 'satisfied',
  'satisfied_hotline', 'leader', 'line', 'master_no', 'reason', 'text', 'note', 'unsolved_reason', 'minutes', 'internal', 'answer', 'proof', 'reference',
  'file_name',
] as const

/** What stood and what stands there after a correction. */
function corrected(what: unknown, value: string): string {
  const { unitName } = useRules()
  if (what === 'demand') return DEMANDS[value] ?? value
  if (what === 'about_unit') return unitName(value)
  if (what === 'secret' || what === 'urgent') return value === 'yes' ? '是' : '否'
  return value
}

/** What an event carries, in words: "理由：…". */
export function wordsOf(event: CaseEvent): string[] {
  const { unitName } = useRules()
  if (event.type === 'register') return []
  return SHOWN.flatMap((name) => {
    const value = event.payload[name]
    if (value === undefined || value === null || value === '') return []
    if (event.type === 'correct' && (name === 'old' || name === 'value')) return [`${NAMES[name]}：${corrected(event.payload.what, String(value))}`]
    const many = Array.isArray(value) ? value : [value]
    const said = many
      .map((one) => (['unit', 'co_units', 'units', 'proposed_unit'].includes(name) ? unitName(String(one)) : (WORDS[name]?.[String(one)] ?? (name === 'satisfied_hotline' ? SATISFIED[String(one)] : undefined) ?? String(one))))
      .join('、')
    return NAMES[name] && !(name === 'result' && event.type === 'callback') ? [`${NAMES[name]}：${said}`] : [said]
  })
}
