import { onBeforeUnmount, onMounted, reactive, ref, watch } from 'vue'
import { listCases, type CaseLine } from '../api/cases'
import { sentenceOf } from '../api/client'
import { shanghaiMoment } from '../shared/format'

/** A reading's rows: few enough to come at once, enough for a screen and the next. */
const PAGE = 200
const PLACE = 'cases-filter'
const REST_MS = 400

export interface CaseFilter {
  words: string
  state: string
  unit: string
  region: string
  from: string
  to: string
}
const NONE: CaseFilter = { words: '', state: '', unit: '', region: '', from: '', to: '' }

/** Cases by a filter, page after page as somebody scrolls. */
export function useCases() {
  const filter = reactive<CaseFilter>({ ...NONE, ...stored() })
  const items = ref<CaseLine[]>([])
  const cursor = ref<string | null>(null)
  const loading = ref(true)
  const problem = ref('')
  let running: AbortController | undefined
  let timer = 0

  async function read(from: string | null): Promise<void> {
    running?.abort()
    const mine = (running = new AbortController())
    loading.value = true
    try {
      const page = await listCases(query(filter, from), mine.signal)
      items.value = from ? [...items.value, ...page.items] : page.items
      cursor.value = page.next_cursor
      problem.value = ''
    } catch (error) {
      if (mine.signal.aborted) return
      problem.value = sentenceOf(error)
    }
    if (running === mine) loading.value = false
  }
  const restart = (): Promise<void> => read(null)
  async function more(): Promise<void> {
    if (cursor.value && !loading.value && !problem.value) await read(cursor.value)
  }
  async function retry(): Promise<void> {
    problem.value = ''
    await read(items.value.length ? cursor.value : null)
  }

  watch(filter, () => {
    sessionStorage.setItem(PLACE, JSON.stringify(filter))
    window.clearTimeout(timer)
    timer = window.setTimeout(() => void restart(), REST_MS)
  })
  onMounted(restart)
  onBeforeUnmount(() => {
    window.clearTimeout(timer)
    running?.abort()
  })
  const clear = (): void => void Object.assign(filter, NONE)
  return { filter, items, cursor, loading, problem, more, retry, restart, clear }
}

function query(filter: CaseFilter, cursor: string | null) {
  const { words, state, unit, region, from, to } = filter
  return {
    words: words.trim(),
    state,
    unit,
    region,
    since: from ? shanghaiMoment(from, '00:00').toISOString() : '',
    // The last day counts as a whole.
    until: to ? new Date(shanghaiMoment(to, '00:00').getTime() + 86_400_000).toISOString() : '',
    cursor: cursor ?? '',
    limit: PAGE,
  }
}

function stored(): Partial<CaseFilter> {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? '{}') as Partial<CaseFilter>
  } catch {
    return {}
  }
}
