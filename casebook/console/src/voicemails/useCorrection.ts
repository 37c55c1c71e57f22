import { ref } from 'vue'
import { idempotencyKeys, sentenceOf } from '../api/client'
import { correctVoicemail, type Voicemail } from '../api/voicemails'
import { useKeptText } from '../shared/keptText'

/** The text that a reviewer corrects by ear: kept in the tab while it is typed, and on the server when it is saved. */
export function useCorrection(user: string, caseNo: string, now: () => string, saved: (voicemail: Voicemail) => void) {
  const place = `correction:${user}:${caseNo}`
  const { text } = useKeptText(place)
  const editing = ref(text.value !== '')
  const problem = ref('')
  const busy = ref(false)
  const keyFor = idempotencyKeys()

  function start(): void {
    if (!editing.value) text.value = now()
    editing.value = true
  }
  function drop(): void {
    text.value = ''
    problem.value = ''
    editing.value = false
  }
  /** False where it was refused or not reached; then the text is still there. */
  async function save(): Promise<boolean> {
    const mine = text.value.trim()
    if (busy.value || !editing.value) return false
    problem.value = ''
    if (!mine || mine === now()) {
      drop()
      return true
    }
    busy.value = true
    try {
      saved(await correctVoicemail(caseNo, mine, keyFor([mine, now()])))
      drop()
      return true
    } catch (error) {
      problem.value = sentenceOf(error)
      return false
    } finally {
      busy.value = false
    }
  }
  /** Before a decision: what was corrected and not saved yet is kept too. */
  async function keep(): Promise<void> {
    if (editing.value) await save()
  }

  return { editing, text, problem, busy, start, drop, save, keep }
}

export type Correcting = ReturnType<typeof useCorrection>
