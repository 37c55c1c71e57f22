/** What the live board (server-sent events) says of one agent's telephone: which call rings or is spoken there. */

interface BoardCall {
  call_id: string
  stage: string
  agent: string
}
type Entries = Record<string, BoardCall | null>
type Found = { callId: string; state: 'ringing' | 'up' } | null

let source: EventSource | null = null

export function followBoard(extension: string, tell: (found: Found) => void): void {
  stopBoard()
  const agent = `PJSIP/${extension}`
  const calls = new Map<string, BoardCall>()
  let last = ''

  function take(entries: Entries): void {
    for (const [key, entry] of Object.entries(entries)) {
      if (!key.startsWith('call:')) continue
      if (entry) calls.set(key, entry)
      else calls.delete(key)
    }
  }
  function look(): void {
    const mine = [...calls.values()].find((one) => one.agent === agent && (one.stage === 'ringing' || one.stage === 'talking'))
    const found: Found = mine ? { callId: mine.call_id, state: mine.stage === 'ringing' ? 'ringing' : 'up' } : null
    const now = JSON.stringify(found)
    if (now === last) return
    last = now
    tell(found)
  }

  source = new EventSource('/api/v1/board')
  source.addEventListener('board', (event) => {
    const board = JSON.parse(event.data) as { connected: boolean; pbxs: Record<string, { heard: boolean; entries: Entries }> }
    const heard = Object.values(board.pbxs).filter((pbx) => pbx.heard)
    // While nobody knows what goes on at the PBX, what was known stays.
    if (!board.connected || !heard.length) return
    calls.clear()
    heard.forEach((pbx) => take(pbx.entries))
    look()
  })
  source.addEventListener('changes', (event) => {
    const changes = JSON.parse(event.data) as { pbxs: Record<string, Entries> }
    Object.values(changes.pbxs).forEach(take)
    look()
  })
}

export function stopBoard(): void {
  source?.close()
  source = null
}
