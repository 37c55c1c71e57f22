import type { Role } from '../session/session'

/** Roles as the house calls them. */
export const ROLES: Readonly<Record<Role, string>> = {
  admin: '管理员',
  reviewer: '留言审核员',
  agent: '话务员',
  shift_leader: '班长',
  operator: '二级平台话务员',
  dispatcher: '派单员',
  supervisor: '督办员',
  callback: '回访员',
  liaison: '承办人',
  deputy: '分管领导',
  leader: '市领导',
  bureau: '监察',
}

/** Roles that act for one unit. */
export const UNIT_ROLES: readonly Role[] = ['operator', 'liaison', 'deputy']

export const DONE: Readonly<Record<string, string>> = {
  added: '新建账号',
  changed: '修改资料',
  disabled: '停用',
  enabled: '启用',
  reset: '重置密码',
  signed_out: '强制退出',
  appointed: '任命',
  replaced: '由他人接任',
  calendar: '更换节假日表',
}

/** What each file of the city is about. */
export const FILES: Readonly<Record<string, string>> = {
  'agents.yaml': '座席与分机',
  'alarms.yaml': '预警词',
  'callback.yaml': '回拨流程',
  'flow.yaml': '来电流程',
  'limits.yaml': '办理时限',
  'lines.yaml': '联动线路与队列',
  'linkage.yaml': '联动平台',
  'matters.yaml': '诉求事项',
  'matter_notes.tsv': '事项训练样例',
  'notices.yaml': '通知方式',
  'places.yaml': '地名',
  'prompts.zh.yaml': '语音提示文本',
  'roles.yaml': '岗位权限',
  'routing.yaml': '派单目录',
  'shifts.yaml': '班次与服务时间',
  'survey.yaml': '满意度调查流程',
  'units.yaml': '承办单位与区划',
}

export const OVERRIDES: Readonly<Record<'on' | 'off' | 'night' | 'day', string>> = {
  on: '座席加班',
  off: '座席停班',
  night: '转为夜间',
  day: '转为日间',
}
