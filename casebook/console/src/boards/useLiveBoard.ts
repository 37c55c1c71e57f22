import { computed, onBeforeUnmount, onMounted, ref, shallowRef, type ComputedRef, type Ref } from 'vue'

export type AgentState = 'idle' | 'ringing' | 'talking' | 'wrapup' | 'paused' | 'offline'

type Entry = Record<string, unknown>
interface Pbx {
  heard: boolean
  entries: Record<string, Entry | null>
}
interface BoardEvent {
  connected: boolean
  pbxs: Record<string, Pbx>
}

/** live: figures are those of now. waiting: the stream broke and is asked for again. away: there is no board to ask. */
export type BoardState = 'live' | 'waiting' | 'silent' | 'away'

export interface LiveBoard {
  state: Ref<BoardState>
  /** When something was last heard of the stream. */
  heardAt: Ref<Date | null>
  now: Ref<number>
  /** null: nobody knows. */
  waiting: ComputedRef<number | null>
  longestWaitS: ComputedRef<number | null>
  agents: ComputedRef<Record<AgentState, number> | null>
}

const SILENT_MS = 25_000 // the server says at least ": alive" every 15 s
const RETRY_MS = [1_000, 2_000, 5_000, 10_000]
const AWAY_MS = 30_000

/**
 * The live board (server-sent events). Read by fetch and not by EventSource, which does not show the signs of life: a
 * connection that died without a word would look live for ever.
 */
export function useLiveBoard(): LiveBoard {
  const state = ref<BoardState>('waiting')
  const heardAt = ref<Date | null>(null)
  const now = ref(Date.now())
  const pbxs = shallowRef<Record<string, Pbx>>({})
  let aborter = new AbortController()
  let retry: number | undefined
  let watch: number | undefined
  let tries = 0
  let gone = false
  let serverAhead = 0

  async function connect(): Promise<void> {
    aborter = new AbortController()
    try {
      const headers = { 'X-Hotline-Client': 'console', Accept: 'text/event-stream' }
      const response = await fetch('/api/v1/board', { headers, signal: aborter.signal })
      if (response.status === 404 || response.status === 401) return again('away', AWAY_MS)
      if (!response.ok || !response.body) return again('waiting')
      serverAhead = Date.parse(response.headers.get('date') ?? '') - Date.now() || 0
      await read(response.body)
      again('waiting')
    } catch {
      again('waiting')
    }
  }

  function again(why: BoardState, after?: number): void {
    if (gone) return
    state.value = why
    pbxs.value = {}
    window.clearTimeout(retry)
    retry = window.setTimeout(connect, after ?? RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)])
  }

  async function read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader()
    const decoder = new TextDecoder()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heardAt.value = new Date()
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      blocks.forEach(take)
    }
  }

  function take(block: string): void {
    const lines = block.split('\n')
    const name = lines.find((line) => line.startsWith('event: '))?.slice(7)
    const data = lines.find((line) => line.startsWith('data: '))?.slice(6)
    if (!name || !data) return
    tries = 0
    const said = JSON.parse(data) as BoardEvent
    if (name === 'board') {
      pbxs.value = said.pbxs
      const heard = said.connected && Object.values(said.pbxs).some((pbx) => pbx.heard)
      state.value = heard ? 'live' : 'silent'
      return
    }
    const changed = { ...pbxs.value }
    for (const [pbx, entries] of Object.entries(said.pbxs as unknown as Record<string, Record<string, Entry | null>>)) {
      const known = changed[pbx]
      if (known) changed[pbx] = { ...known, entries: { ...known.entries, ...entries } }
    }
    pbxs.value = changed
  }

  function entriesOf(kind: string): Entry[] {
    return Object.values(pbxs.value)
      .filter((pbx) => pbx.heard)
      .flatMap((pbx) => Object.entries(pbx.entries))
      .filter(([name, entry]) => entry !== null && name.startsWith(`${kind}:`))
      .map(([, entry]) => entry as Entry)
  }

  const waiting = computed(() =>
    state.value === 'live' ? entriesOf('queue').reduce((sum, queue) => sum + Number(queue.waiting ?? 0), 0) : null,
  )
  const longestWaitS = computed(() => {
    if (state.value !== 'live') return null
    const since = entriesOf('queue')
      .filter((queue) => Number(queue.waiting ?? 0) > 0 && typeof queue.longest_since === 'string')
      .map((queue) => Date.parse(queue.longest_since as string))
    return since.length ? Math.max(0, (now.value + serverAhead - Math.min(...since)) / 1000) : 0
  })
  const agents = computed(() => {
    if (state.value !== 'live') return null
    const counts: Record<AgentState, number> = { idle: 0, ringing: 0, talking: 0, wrapup: 0, paused: 0, offline: 0 }
    for (const agent of entriesOf('agent')) counts[agent.state as AgentState] += 1
    return counts
  })

  onMounted(() => {
    void connect()
    watch = window.setInterval(() => {
      now.value = Date.now()
      if (state.value === 'live' && heardAt.value && now.value - heardAt.value.getTime() > SILENT_MS) aborter.abort()
    }, 1_000)
  })
  onBeforeUnmount(() => {
    gone = true
    aborter.abort()
    window.clearTimeout(retry)
    window.clearInterval(watch)
  })
  return { state, heardAt, now, waiting, longestWaitS, agents }
}
