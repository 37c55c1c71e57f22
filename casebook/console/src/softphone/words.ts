/** The words for the states of agents and their telephones. Never a colour alone. */

export const PRESENCE: Readonly<Record<string, { word: string; tone: string }>> = {
  ready: { word: '示闲', tone: 'good' },
  paused: { word: '示忙', tone: 'warn' },
  wrapup: { word: '话后整理', tone: 'warn' },
  out: { word: '未签入', tone: 'off' },
}

export const PAUSES = ['小休', '用餐', '会议', '培训', '处理工单'] as const

export const LINE: Readonly<Record<string, { word: string; tone: string }>> = {
  off: { word: '电话未连接', tone: 'off' },
  other: { word: '电话在另一个标签页里', tone: 'warn' },
  desk: { word: '用桌面话机接听', tone: 'off' },
  connecting: { word: '正在连接电话…', tone: 'warn' },
  registered: { word: '电话已连接', tone: 'good' },
  lost: { word: '电话断开，正在重新连接…', tone: 'bad' },
  refused: { word: '电话登记被拒绝，请重新签入', tone: 'bad' },
}
