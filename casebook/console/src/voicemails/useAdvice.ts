import { computed, onBeforeUnmount, ref, watch } from 'vue'
import { newIdempotencyKey } from '../api/client'
import { askAdvice, cityRules, keepChoices, type Advice, type Choice, type Rules } from './advice'
import type { Draft } from './useDraft'

const PAUSE_MS = 400
/** A key that needs the first advice waits so long for it. */
const PATIENCE_MS = 2000
const WORTH_A_LOOK = 0.01

/** Matters, region, unit and duplicates for what is being written; nothing where the server has no suggestions. */
export function useAdvice(caseNo: string, draft: Draft) {
  const advice = ref<Advice | null>(null)
  const rules = ref<Rules>({ regions: [], groups: {} })
  let running: AbortController | undefined
  let timer = 0

  /** The matters that are worth a look, the surest first: at most nine, as the keys. */
  const matters = computed(() => advice.value?.matters.filter((one) => one.probability >= WORTH_A_LOOK).slice(0, 9) ?? [])
  const known = computed(() => new Set(Object.values(rules.value.groups).flat()))

  async function ask(): Promise<void> {
    running?.abort()
    if (!draft.body.trim()) return
    const mine = (running = new AbortController())
    const { matter, region, place } = draft
    try {
      advice.value = await askAdvice({ text: draft.body.slice(0, 5000), matter, region, place, case_no: caseNo }, mine.signal)
    } catch {
      // Suggestions are a help: without them everything is chosen by hand.
    }
  }

  /** Tells what was taken of what was offered, once the case is registered. */
  function learn(): void {
    const offered = advice.value
    if (!offered?.model) return
    const choices: Choice[] = [{ kind: 'matter', offered: offered.matters.map((one) => one.name), chosen: draft.matter }]
    if (offered.place?.region) choices.push({ kind: 'region', offered: [offered.place.region], chosen: draft.region })
    keepChoices(caseNo, offered.model, choices, newIdempotencyKey()).catch(() => undefined)
  }

  let first: Promise<void> | undefined
  watch(
    () => [draft.body, draft.matter, draft.region, draft.place],
    () => {
      window.clearTimeout(timer)
      if (first) timer = window.setTimeout(ask, PAUSE_MS)
      else if (draft.body.trim()) first = ask()
    },
    { immediate: true },
  )
  const read = cityRules().then((found) => {
    rules.value = found
  }, () => undefined)
  /** What was pressed before the first advice came waits for it, for a moment. */
  function ready(): Promise<unknown> {
    return Promise.race([Promise.all([read, first]), new Promise((done) => window.setTimeout(done, PATIENCE_MS))])
  }
  onBeforeUnmount(() => {
    window.clearTimeout(timer)
    running?.abort()
  })

  return { advice, rules, matters, known, ready, learn }
}
