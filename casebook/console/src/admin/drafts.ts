import { reactive, watch } from 'vue'
import type { CityText } from '../api/admin'

const PLACE = 'city-drafts'

/** Texts that were edited and not saved, by file; they outlive a reload and an ended session in this tab. */
export const drafts: Map<string, CityText> = reactive(new Map(stored()))

watch(drafts, (now) => {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify([...now]))
  } catch {
    // Storage full or forbidden: the texts are still in the page.
  }
})

function stored(): [string, CityText][] {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? '[]') as [string, CityText][]
  } catch {
    return []
  }
}
