/** The words and the order of alerts. Never a colour alone: every mark carries its word. */
import type { Alert, Severity } from '../api/alerts'

interface SeverityWords {
  word: string
  tone: string
  /** Higher is worse. */
  rank: number
}

const SEVERITIES: Readonly<Record<Severity, SeverityWords>> = {
  emergency: { word: '紧急', tone: 'bad', rank: 3 },
  risk: { word: '风险', tone: 'warn', rank: 2 },
}
const ACKNOWLEDGED_RANK = 1

export const severityOf = (alert: Alert): SeverityWords => SEVERITIES[alert.severity]
export const isOpen = (alert: Alert): boolean => alert.acknowledged_at === null

/** By what the danger was noticed: a reviewer trusts the letter more than the sound. */
export function foundByWord(alert: Alert): string {
  switch (alert.found_by) {
    case 'text':
      return '按文字发现'
    case 'sound':
      return `按读音发现，疑为“${alert.phrase}”`
    case 'n-best':
      return '在备选识别结果中发现'
  }
}

/** Emergency before risk, then the newest first. */
export const worstFirst = (one: Alert, two: Alert): number =>
  severityOf(two).rank - severityOf(one).rank || two.id - one.id

/** How urgent a voicemail is: 0 without an alert, 1 where somebody has dealt with all of them. */
export const urgencyOf = (alerts: readonly Alert[]): number =>
  Math.max(0, ...alerts.map((alert) => (isOpen(alert) ? severityOf(alert).rank : ACKNOWLEDGED_RANK)))
