import { onBeforeUnmount, onMounted, ref } from 'vue'
import { claimVoicemail, releaseVoicemail, type Claim } from '../api/voicemails'

/** A claim lasts ten minutes; a page where somebody works asks for more long before. */
const RENEW_MS = 120_000
const AWAY_MS = 120_000

/** Holds a voicemail for this reviewer while they work at it, and lets go of it when they leave. `handed`: held already. */
export function useClaim(user: string, caseNo: string, handed: boolean) {
  /** Who holds it, where that is somebody else. */
  const other = ref<Claim | null>(null)
  let mine = handed
  let over = false
  let lastSign = Date.now()
  let timer = 0

  async function take(): Promise<void> {
    if (over) return
    try {
      const claim = await claimVoicemail(caseNo)
      if (over) {
        // Left while the answer was on its way.
        if (claim?.reviewer === user) releaseVoicemail(caseNo)
        return
      }
      mine = claim?.reviewer === user
      other.value = claim && !mine ? claim : null
    } catch {
      // Not reached: whoever decides meanwhile is told apart by the version of the case.
    }
  }
  /** What the list has just heard. */
  function heard(claim: Claim | null): void {
    if (claim && claim.reviewer !== user) {
      mine = false
      other.value = claim
    } else if (other.value) void take()
  }
  function release(): void {
    if (mine) releaseVoicemail(caseNo)
    mine = false
  }
  /** There is nothing to hold any more. */
  function end(): void {
    over = true
    mine = false
    other.value = null
  }

  const sign = (): void => {
    lastSign = Date.now()
  }
  const renew = (): void => {
    if (mine && Date.now() - lastSign < AWAY_MS) void take()
  }
  const shown = (event: PageTransitionEvent): void => {
    if (event.persisted) void take()
  }
  onMounted(() => {
    timer = window.setInterval(renew, RENEW_MS)
    document.addEventListener('keydown', sign, true)
    document.addEventListener('pointerdown', sign, true)
    window.addEventListener('pagehide', release)
    window.addEventListener('pageshow', shown)
  })
  onBeforeUnmount(() => {
    window.clearInterval(timer)
    document.removeEventListener('keydown', sign, true)
    document.removeEventListener('pointerdown', sign, true)
    window.removeEventListener('pagehide', release)
    window.removeEventListener('pageshow', shown)
    release()
    over = true
  })

  return { other, take, heard, end }
}
