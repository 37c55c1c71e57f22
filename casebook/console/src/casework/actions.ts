import type { Order } from '../api/cases'
import { shanghaiMoment } from '../shared/format'
import { correctedValue, note, text, unitOptions, type Context, type Field, type Value, type Values } from './fields'
import { CAUSES, CORRECTED, DEFECTS, HOW, RESULTS, RETURN_CODES, SATISFIED, SOLVED } from './labels'

export interface Action {
  word: string
  /** What the reader sees after it was done. */
  done: string
  key?: string
  tone?: 'primary' | 'danger'
  /** What is done seldom stands behind the others. */
  seldom?: boolean
  hint?: (context: Context) => string
  fields?: (context: Context, values: Values) => Field[]
  /** Files go up before the event itself. */
  files?: boolean
  body?: (context: Context, values: Values, plain: Record<string, unknown>) => Record<string, unknown>
}

const lead = (context: Context): Order | undefined => context.detail.case.orders.find((order) => order.role === 'lead' && !order.ended_at)

/** Which helping unit's return is judged. */
function returned({ detail, rules }: Context): Field {
  const names = unitOptions(rules)
  const waiting = detail.case.orders.filter((order) => order.role === 'co' && !order.ended_at && order.returned_at && !order.final)
  const options = Object.fromEntries(waiting.map((order) => [order.unit, names[order.unit] ?? order.unit]))
  return { name: 'unit', label: '退单的协办单位', kind: 'select', options, required: true, initial: waiting[0]?.unit ?? '' }
}

/** "2026-11-26T17:30" of a form is a Shanghai time. */
const instant = (value: Value | undefined): string => {
  const [date = '', time = ''] = String(value ?? '').split('T')
  return shanghaiMoment(date, time).toISOString()
}

function sameUnits(one: Value | undefined, other: readonly string[]): boolean {
  const chosen = Array.isArray(one) ? one : []
  return chosen.length === other.length && chosen.every((code) => other.includes(code))
}

/** In the order in which a page offers them. What each needs is its command in casebook/handling. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  sign: { word: '签收', done: '已签收', key: 's', tone: 'primary', hint: () => '签收后即可办理。办理时限从派单时起算，与签收早晚无关。' },
  co_sign: { word: '协办签收', done: '已签收', key: 's', tone: 'primary', hint: () => '签收后请配合主办单位办理，并填写协办反馈。' },
  dispatch: {
    word: '派单',
    done: '已派单',
    key: 'd',
    tone: 'primary',
    hint: ({ detail }) =>
      detail.route ? '' : detail.case.matter ? '目录里没有这个事项的承办单位，请指定并写明依据。' : '案件还没有事项。请先更正事项，或指定单位并写明依据。',
    fields: ({ detail, rules }, values) => {
      const { route } = detail
      const consulted = detail.case.state === 'CONSULT'
      const byCatalogue = !!route && values.unit === route.unit
      return [
        {
          name: 'unit', label: '主办单位', kind: 'select', options: unitOptions(rules), required: true, initial: route?.unit ?? '',
          hint: route ? `目录 ${route.id}：${route.basis}` : '',
        },
        { name: 'co_units', label: '协办单位', kind: 'units', initial: route?.co_units ?? [], options: unitOptions(rules, [String(values.unit)]) },
        text('basis', byCatalogue ? '派单依据（不填即按目录）' : '派单依据（不按目录，必须写明）', { required: !byCatalogue, most: 200, rows: 2 }),
        ...(consulted ? [text('minutes', '会商纪要', { most: 5000, rows: 4 })] : []),
        { name: 'limit_rule', label: '办理时限', kind: 'select', options: { '': '按诉求类型的规定', ...Object.fromEntries((rules?.limits ?? []).map((id) => [id, LIMITS[id] ?? id])) } },
        ...(detail.case.secret ? [{ name: 'contact_granted', label: '允许承办单位查看联系方式（保密件）', kind: 'tick' } satisfies Field] : []),
        note('给承办单位的话（可不填）', false),
      ]
    },
    body: ({ detail }, values, plain) => {
      // Exactly what the catalogue says is left to the catalogue.
      const { route } = detail
      if (!route || values.unit !== route.unit || !sameUnits(values.co_units, route.co_units)) return plain
      return Object.fromEntries(Object.entries(plain).filter(([name]) => name !== 'unit' && name !== 'co_units'))
    },
  },
  to_triage: { word: '转后台分办', done: '已转后台', key: 't', fields: () => [note('说明（可不填）', false)] },
  review_ok: {
    word: '审核通过',
    done: '审核通过，待回访',
    key: 'p',
    tone: 'primary',
    hint: () => '逐项看过再勾选；有一项不合格，请退回重办。',
    fields: () =>
      (
        [
          ['answers_demand', '回答了诉求人问的每一件事'],
          ['facts_given', '写明了查到的事实和结果'],
          ['law_cited', '写明了依据'],
          ['tone', '用语得当'],
          ['no_template', '不是套话模板'],
        ] as const
      ).map(([name, label]) => ({ name, label, kind: 'tick', mustTick: true })),
  },
  review_back: {
    word: '退回重办',
    done: '已退回重办',
    key: 'b',
    tone: 'danger',
    fields: () => [
      { name: 'defect', label: '不合格之处', kind: 'radio', options: DEFECTS, required: true },
      note('退回的理由'),
      { name: 'elsewhere', label: '改派其他单位办理', kind: 'tick' },
    ],
  },
  accept_return: { word: '同意退单', done: '已同意退单，请重新派单', key: 'p', tone: 'primary', fields: () => [note('审核意见')] },
  reject_return: {
    word: '不同意，指定办理', done: '已指定办理', key: 'b', tone: 'danger', hint: () => '指定办理后，该单位不能再退单。', fields: () => [note('审核意见')],
  },
  approve_extension: {
    word: '批准延期',
    done: '已批准延期',
    key: 'p',
    tone: 'primary',
    hint: (context) => `${lead(context)?.extension_wd ?? 0} 个工作日；批准后短信告知诉求人。`,
    fields: () => [note('意见（可不填）', false)],
  },
  reject_extension: { word: '不批准延期', done: '未批准延期', key: 'b', tone: 'danger', fields: () => [note('不批准的理由')] },
  confirm_refusal: { word: '确认不予受理', done: '已确认不予受理', key: 'p', tone: 'primary', fields: () => [note('意见（可不填）', false)] },
  decline_refusal: { word: '应当受理', done: '已转为受理', key: 'b', fields: () => [note('受理理由')] },
  confirm_close: { word: '确认办结（未解决-已解释）', done: '已办结', key: 'p', tone: 'primary', fields: () => [note('意见（可不填）', false)] },
  decline_close: {
    word: '不同意办结', done: '已退回', key: 'b', tone: 'danger', fields: () => [note('理由'), { name: 'rework', label: '诉求可以解决，退回重办', kind: 'tick' }],
  },
  callback: {
    word: '登记回访',
    done: '回访已登记',
    key: 'h',
    tone: 'primary',
    hint: ({ detail }) => (detail.case.attempts ? `已回访 ${detail.case.attempts} 次。` : '请照下面的问题逐项询问。'),
    fields: (_, values) => [
      { name: 'result', label: '回访结果', kind: 'radio', options: RESULTS, required: true },
      ...(values.result === 'reached'
        ? ([
            { name: 'contacted', label: '1. 承办单位联系过您吗？', kind: 'yesno', options: { yes: '联系过', no: '没有' }, required: true },
            { name: 'solved', label: '2. 您反映的问题解决了吗？', kind: 'radio', options: SOLVED, required: true },
            { name: 'satisfied', label: '3. 您对办理结果满意吗？', kind: 'grade', options: SATISFIED, required: true },
            { name: 'satisfied_hotline', label: '4. 您对 12345 热线的服务满意吗？', kind: 'grade', options: SATISFIED, required: true },
            ...(values.solved === 'no'
              ? [{ name: 'explained', label: '已向诉求人解释，不退回重办，由后台判断能否办结', kind: 'tick' } satisfies Field]
              : []),
          ] satisfies Field[])
        : []),
      { name: 'recording', label: '录音编号（可不填）', kind: 'line', most: 64 },
      note('诉求人的话（可不填）', false),
    ],
  },
  close: {
    word: '办结',
    done: '已办结',
    key: 'o',
    tone: 'primary',
    hint: ({ detail }) => (detail.case.reached ? '诉求人会收到公开答复。' : '联系不上的案件，回访次数够了才能办结。'),
    fields: () => [note('说明（可不填）', false)],
  },
  feedback: {
    word: '填写反馈',
    done: '反馈已填写，待分管领导签批',
    key: 'f',
    tone: 'primary',
    files: true,
    fields: (context, values) => [
      { name: 'true_claim', label: '诉求属实吗', kind: 'yesno', options: { yes: '属实', no: '不属实' }, required: true },
      {
        name: 'contacted', label: '已联系诉求人', kind: 'tick',
        hint: lead(context)?.contacts ? '' : '还没有联系记录；要勾选，请先登记联系情况。',
      },
      { name: 'solved', label: '解决了吗', kind: 'radio', options: SOLVED, required: true },
      ...(values.solved && values.solved !== 'yes' ? [text('unsolved_reason', '没有（完全）解决的原因')] : []),
      text('internal', '办理情况（内部）', { most: 5000, rows: 4 }),
      text('answer', '公开答复（诉求人会看到）', { most: 5000, rows: 6, reply: true }),
    ],
  },
  sign_feedback: { word: '签批反馈', done: '反馈已签批并报出', key: 'g', tone: 'primary', hint: () => '签批即报出，以此刻计算是否按时。' },
  co_feedback: { word: '协办反馈', done: '协办反馈已提交', key: 'f', tone: 'primary', fields: () => [text('internal', '办理情况', { most: 5000, rows: 4 })] },
  contact: {
    word: '登记联系',
    done: '联系情况已登记',
    key: 'c',
    fields: () => [
      { name: 'contacted_at', label: '联系时间', kind: 'moment', required: true },
      { name: 'how', label: '方式', kind: 'radio', options: HOW, required: true },
      text('result', '联系结果'),
      { name: 'proof', label: '凭证（录音、照片编号，可不填）', kind: 'line', most: 500 },
    ],
    body: (_, values, plain) => ({ ...plain, contacted_at: instant(values.contacted_at) }),
  },
  return_order: {
    word: '退单',
    done: '退单已提交，待审核',
    key: 'r',
    tone: 'danger',
    hint: () => '一张工单只能退一次；后台不同意就由本单位指定办理。',
    fields: ({ rules, unit }) => [
      { name: 'code', label: '理由', kind: 'radio', options: RETURN_CODES, required: true },
      text('law', '法律依据或三定条款'),
      { name: 'proposed_unit', label: '建议由哪个单位办理', kind: 'select', options: unitOptions(rules, [unit]), required: true },
    ],
  },
  co_return: {
    word: '协办退单',
    done: '协办退单已提交，待审核',
    key: 'r',
    tone: 'danger',
    fields: () => [{ name: 'code', label: '理由', kind: 'radio', options: RETURN_CODES, required: true }, text('law', '法律依据或三定条款')],
  },
  accept_co_return: { word: '同意协办退单', done: '已同意协办退单', key: 'p', tone: 'primary', fields: (context) => [returned(context), note('审核意见')] },
  reject_co_return: { word: '不同意协办退单', done: '该单位继续协办', key: 'b', tone: 'danger', fields: (context) => [returned(context), note('审核意见')] },
  request_extension: {
    word: '申请延期',
    done: '延期申请已提交，待分管领导签批',
    key: 'x',
    fields: () => [
      { name: 'days', label: '延长几个工作日', kind: 'days', required: true },
      text('reason', '理由'),
      text('law', '依据', { rows: 2 }),
      { name: 'citizen_informed', label: '已告知诉求人', kind: 'tick', mustTick: true },
    ],
  },
  sign_extension: { word: '签批延期申请', done: '延期申请已签批', tone: 'primary' },
  answer_urging: { word: '答复催办', done: '已答复催办', key: 'a', tone: 'primary', fields: () => [text('text', '办理进展')] },
  report_supervision: { word: '督办报告', done: '已报告', fields: () => [text('text', '督办办理情况')] },
  drop_extension: { word: '撤回延期申请', done: '已撤回', seldom: true, fields: () => [note('说明（可不填）', false)] },
  urge: {
    word: '催办',
    done: '已催办',
    key: 'e',
    fields: ({ detail, rules }) => {
      const helpers = detail.case.orders.filter((order) => order.role === 'co' && !order.ended_at).map((order) => order.unit)
      const names = unitOptions(rules)
      return [
        ...(helpers.length
          ? [{
              name: 'unit', label: '催办单位', kind: 'select',
              options: { '': `主办：${names[lead({ detail, rules, unit: '' })?.unit ?? ''] ?? ''}`, ...Object.fromEntries(helpers.map((code) => [code, `协办：${names[code] ?? code}`])) },
            } satisfies Field]
          : []),
        note('催办内容'),
      ]
    },
  },
  supervise: {
    word: '督办',
    done: '督办单已发出',
    key: 'u',
    fields: () => [
      { name: 'leader', label: '承办单位责任领导', kind: 'line', required: true, most: 64 },
      { name: 'report_by', label: '报告期限', kind: 'moment', required: true },
      note('督办要求（可不填）', false),
    ],
    body: (_, values, plain) => ({ ...plain, report_by: instant(values.report_by) }),
  },
  consult: {
    word: '会商',
    done: '已发起会商',
    fields: ({ rules }) => [
      { name: 'units', label: '参加单位（至少两家）', kind: 'units', options: unitOptions(rules), required: true },
      note('要商定的问题（可不填）', false),
    ],
  },
  propose_close: {
    word: '提出按“未解决-已解释”办结', done: '已提出，待另一人审核', seldom: true, fields: () => [text('reason', '不能解决的原因和解释情况')],
  },
  recall: {
    word: '收回工单',
    done: '已收回，请重新派单',
    seldom: true,
    hint: () => '派错单位时用：各单位的工单都收回，不计入单位考核；案件的时限不停。',
    fields: () => [text('reason', '收回的理由')],
  },
  suspend: {
    word: '挂起',
    done: '已挂起',
    seldom: true,
    hint: () => '一张工单只能挂起一次；工单的时限暂停，案件的时限不停。',
    fields: () => [
      { name: 'cause', label: '原因', kind: 'radio', options: CAUSES, required: true },
      { name: 'until', label: '挂起到', kind: 'moment', required: true },
      note('说明（诉求人会看到）'),
    ],
    body: (_, values, plain) => ({ ...plain, until: instant(values.until) }),
  },
  resume: { word: '恢复办理', done: '已恢复办理', tone: 'primary' },
  grant_contact: { word: '授权查看联系方式', done: '已授权主办单位', seldom: true, fields: () => [text('reason', '理由')] },
  refuse: {
    word: '提出不予受理',
    done: '已提出，待另一人审核',
    seldom: true,
    fields: ({ rules }, values) => [
      {
        name: 'reason', label: '理由', kind: 'select', required: true,
        options: Object.fromEntries((rules?.refusals ?? []).map((one) => [one.code, one.name])),
        hint: rules?.refusals.find((one) => one.code === values.reason)?.channel ?? '',
      },
      { name: 'told', label: '已告知诉求人应走的途径', kind: 'tick', mustTick: true },
      note('说明（可不填）', false),
    ],
  },
  merge: {
    word: '并单',
    done: '已并单',
    seldom: true,
    fields: () => [{ name: 'master_no', label: '并入哪个案件（编号）', kind: 'line', required: true, most: 20 }, text('reason', '并单理由')],
  },
  unmerge: { word: '撤销并单', done: '已撤销并单', seldom: true, fields: () => [text('reason', '理由')] },
  answer_now: {
    word: '现场答复办结',
    done: '已现场答复办结',
    seldom: true,
    fields: () => [
      text('answer', '答复内容', { most: 5000, rows: 4 }),
      { name: 'confirmed', label: '诉求人确认这样答复可以', kind: 'tick', mustTick: true },
    ],
  },
  transfer: {
    word: '转接',
    done: '已转接',
    seldom: true,
    fields: () => [
      { name: 'line', label: '转接到哪条线路', kind: 'line', required: true, most: 32 },
      { name: 'answered', label: '对方已经接通', kind: 'tick', mustTick: true },
    ],
  },
  instruct: {
    word: '领导交办',
    done: '已登记领导交办',
    seldom: true,
    fields: () => [{ name: 'leader', label: '交办领导', kind: 'line', required: true, most: 64 }, text('text', '交办内容')],
  },
  correct: {
    word: '更正',
    done: '已更正',
    seldom: true,
    hint: () => '更正不改变时限。',
    fields: ({ rules }, values) => [
      { name: 'what', label: '更正哪一项', kind: 'select', options: CORRECTED, required: true },
      ...(values.what ? [correctedValue(String(values.what), rules)] : []),
      text('reason', '更正理由', { rows: 2 }),
    ],
    body: (_, values, plain) => ({ ...plain, value: String(values[`value_${String(values.what)}`] ?? '') }),
  },
  correct_contact: {
    word: '更正联系方式',
    done: '已更正',
    seldom: true,
    hint: () => '原来的号码和姓名不留在案件记录里。',
    fields: () => [
      { name: 'phone', label: '联系电话', kind: 'line', required: true, most: 32 },
      { name: 'name', label: '姓名（可不填）', kind: 'line', most: 64 },
      text('reason', '更正理由', { rows: 2 }),
    ],
  },
  reopen: { word: '重办', done: '已重办', fields: () => [text('reason', '新情况，或没有办好的依据')] },
  withdraw: {
    word: '诉求人撤回',
    done: '已撤回',
    seldom: true,
    tone: 'danger',
    fields: () => [text('reason', '撤回原因'), { name: 'reference', label: '撤回来电的编号或录音编号', kind: 'line', required: true, most: 64 }],
  },
}

/** Limits as a dispatcher calls them; a city's own are shown by their ids. */
const LIMITS: Readonly<Record<string, string>> = {
  urgent: '紧急', utilities: '水电气热', consult: '咨询', help: '求助', opinion: '意见建议', complaint: '投诉举报', other: '其他', complex: '复杂投诉',
}

/** The body of an action: only fields that are shown; what is empty is left out. */
export function bodyOf(action: Action, context: Context, values: Values): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const field of action.fields?.(context, values) ?? []) {
    if (field.name.startsWith('value_')) continue
    const value = values[field.name]
    if (field.kind === 'tick') plain[field.name] = value === true
    else if (field.kind === 'yesno') plain[field.name] = value === 'yes'
    else if (field.kind === 'days' || field.kind === 'grade') plain[field.name] = Number(value)
    else if (Array.isArray(value)) plain[field.name] = value
    else if (typeof value === 'string' && value.trim()) plain[field.name] = value.trim()
  }
  return action.body ? action.body(context, values, plain) : plain
}

/** What is not filled in, by field. */
export function missing(action: Action, context: Context, values: Values): Record<string, string> {
  const found: Record<string, string> = {}
  for (const field of action.fields?.(context, values) ?? []) {
    const value = values[field.name]
    if (field.mustTick && value !== true) found[field.name] = '请确认这一项'
    else if (field.required && (Array.isArray(value) ? !value.length : !String(value ?? '').trim())) {
      found[field.name] = field.options || field.groups ? '请选择' : '请填写'
    }
  }
  return found
}
