import { onBeforeUnmount, reactive, ref, shallowRef, watch } from 'vue'
import { sentenceOf } from '../api/client'
import { listVoicemails, type Order, type VoicemailItem } from '../api/voicemails'
import { usePolling } from '../shared/poll'
import { periodBounds, type PeriodName } from './period'

const PAGE = 50
const MOST = 200

export interface Filter {
  order: Order
  period: PeriodName
  state: string
  from: string
  to: string
}

/** The list by its filter, kept fresh by polling. A failed poll keeps what is on the screen. */
export function useVoicemails() {
  const filter = reactive<Filter>({ order: 'worst', period: 'night-and-today', state: '', from: '', to: '' })
  // As a whole: of ten thousand lines none is watched by itself.
  const items = shallowRef<readonly VoicemailItem[]>([])
  const nextCursor = ref<string | null>(null)
  /** How many wait for a review, whatever the list shows. */
  const waiting = ref(0)
  const loading = ref(true)
  let more: Promise<void> | undefined
  const problem = ref('')
  let running: AbortController | undefined

  const query = (limit: number) => ({
    ...periodBounds(filter.period, new Date(), filter),
    ...(filter.state ? { state: filter.state } : {}),
    order: filter.order,
    limit,
  })

  async function refresh(): Promise<void> {
    running?.abort()
    const mine = (running = new AbortController())
    try {
      // As many as are on the screen, so that a refresh never takes rows away from the reader.
      const wanted = Math.max(items.value.length, PAGE)
      const page = await listVoicemails(query(Math.min(wanted, MOST)), mine.signal)
      const rest = wanted > MOST ? items.value.slice(MOST) : []
      const seen = new Set(page.items.map((item) => item.case_no))
      items.value = [...page.items, ...rest.filter((item) => !seen.has(item.case_no))]
      if (rest.length === 0) nextCursor.value = page.next_cursor
      waiting.value = page.waiting
      problem.value = ''
    } catch (error) {
      if (mine.signal.aborted) return
      problem.value = sentenceOf(error)
    }
    loading.value = false
  }

  /** The next lines, once at a time however often the reader comes to the end of the list. */
  function loadMore(): Promise<void> {
    more ??= readMore().finally(() => (more = undefined))
    return more
  }
  async function readMore(): Promise<void> {
    if (!nextCursor.value) return
    const { period, state, order } = filter
    try {
      const page = await listVoicemails({ ...query(MOST), cursor: nextCursor.value })
      if (period !== filter.period || state !== filter.state || order !== filter.order) return
      const seen = new Set(items.value.map((item) => item.case_no))
      items.value = [...items.value, ...page.items.filter((item) => !seen.has(item.case_no))]
      nextCursor.value = page.next_cursor
    } catch (error) {
      problem.value = sentenceOf(error)
    }
  }

  watch(filter, () => {
    items.value = []
    nextCursor.value = null
    loading.value = true
    void refresh()
  })
  usePolling(refresh)
  onBeforeUnmount(() => running?.abort())

  return { filter, items, nextCursor, waiting, loading, problem, refresh, loadMore }
}
