import { onBeforeUnmount, reactive, ref, watch } from 'vue'
import { sentenceOf } from '../api/client'
import { listVoicemails, type VoicemailItem } from '../api/voicemails'
import { usePolling } from '../shared/poll'
import { periodBounds, type PeriodName } from './period'

const PAGE = 50
const MOST = 200

export interface Filter {
  period: PeriodName
  state: string
  from: string
  to: string
}

/** The list by its filter, kept fresh by polling. A failed poll keeps what is on the screen. */
export function useVoicemails() {
  const filter = reactive<Filter>({ period: 'night-and-today', state: '', from: '', to: '' })
  const items = ref<VoicemailItem[]>([])
  const nextCursor = ref<string | null>(null)
  const loading = ref(true)
  const problem = ref('')
  let running: AbortController | undefined

  const query = (limit: number) => ({
    ...periodBounds(filter.period, new Date(), filter),
    ...(filter.state ? { state: filter.state } : {}),
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
      problem.value = ''
    } catch (error) {
      if (mine.signal.aborted) return
      problem.value = sentenceOf(error)
    }
    loading.value = false
  }

  async function loadMore(): Promise<void> {
    if (!nextCursor.value) return
    try {
      const page = await listVoicemails({ ...query(PAGE), cursor: nextCursor.value })
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

  return { filter, items, nextCursor, loading, problem, refresh, loadMore }
}
