import type { QueueLine } from '../api/cases'
import { clockWord, RETURN_CODES } from './labels'
import { useRules } from './useRules'
import type { Line } from './WorkPanes.vue'

/** The queues of /dispatch, in the order of their tabs. */
export const QUEUES: Readonly<Record<string, { word: string; empty: string }>> = {
  triage: { word: '待分办', empty: '没有要分办的案件。' },
  due: { word: '到期墙', empty: '没有临近到期或超期的案件。' },
  returns: { word: '退单审核', empty: '没有要审核的退单。' },
  reviews: { word: '反馈审核', empty: '没有要审核的反馈。' },
  extensions: { word: '延期审批', empty: '没有要审批的延期。' },
  refusals: { word: '不予受理', empty: '没有要确认的不予受理。' },
  closings: { word: '办结审核', empty: '没有要确认的办结。' },
  supervised: { word: '督办', empty: '没有督办中的案件。' },
  instructed: { word: '领导交办', empty: '没有领导交办的案件。' },
}

export function lineOf(queue: string, one: QueueLine): Line {
  const { unitName } = useRules()
  const words = [
    one.clock && queue === 'due' && clockWord(one.clock.what),
    queue === 'due' && unitName(one.clock?.unit || one.unit),
    queue === 'triage' && one.case.matter,
    queue === 'triage' && (one.route ? `建议 ${unitName(one.route.unit)}` : '目录没有'),
    one.unit && queue !== 'due' && unitName(one.unit),
    queue === 'returns' && (RETURN_CODES[one.return_code] ?? one.return_code),
    queue === 'extensions' && `${one.extension_wd} 个工作日`,
    one.urgings && `催办 ${one.urgings} 次`,
    one.own && '您经手，须他人审核',
  ]
  return {
    caseNo: one.case.case_no,
    title: one.case.title,
    state: one.case.state,
    due: one.clock?.due ?? null,
    light: one.clock?.light ?? 'green',
    urgent: one.case.urgent,
    words: words.filter((word): word is string => !!word),
  }
}
