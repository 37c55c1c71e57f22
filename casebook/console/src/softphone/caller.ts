/** Who calls: read once as the telephone rings, shown by the bar of the telephone and by the desk. */
import { nextTick, reactive, readonly, watch } from 'vue'
import { sentenceOf } from '../api/client'
import { type CallerCard, getCaller } from '../api/desk'
import { usePhone } from './softphone'

interface Shown {
  callId: string
  card: CallerCard | null
  problem: string
}
const shown = reactive<Shown>({ callId: '', card: null, problem: '' })

async function read(callId: string): Promise<void> {
  Object.assign(shown, { callId, card: null, problem: '' })
  if (!callId) return
  try {
    const card = await getCaller(callId)
    if (shown.callId !== callId) return
    shown.card = card
    await nextTick()
    requestAnimationFrame(() => measure(callId))
  } catch (error) {
    if (shown.callId === callId) shown.problem = sentenceOf(error)
  }
}

/** From the ring to the frame in which the card is painted. */
function measure(callId: string): void {
  const ring = performance.getEntriesByName('hotline:ring').at(-1) as PerformanceMark | undefined
  if (ring?.detail === callId) performance.measure('hotline:pop', { start: ring.startTime, detail: callId })
}

const { phone } = usePhone()
watch(
  () => phone.call?.callId ?? '',
  (callId) => {
    // The last caller stays in sight until the next one calls: the case is often written after the call.
    if (callId) void read(callId)
  },
)

export const useCaller = () => ({ shown: readonly(shown), readCaller: read })
