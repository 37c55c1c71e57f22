/** What a number key chooses after its letter: t 类型, m 事项, r 区域, x 作废, d 重复. */
export type Chooser = 'demand' | 'matter' | 'region' | 'reason' | 'duplicate'

export const CHOOSERS: Readonly<Record<string, Chooser>> = { t: 'demand', m: 'matter', r: 'region', x: 'reason', d: 'duplicate' }

export const CHOOSER_WORDS: Readonly<Record<Chooser, string>> = {
  demand: '类型',
  matter: '事项',
  region: '区域',
  reason: '作废理由',
  duplicate: '已有诉求',
}
