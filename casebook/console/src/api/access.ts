import { request } from './client'

export interface Access {
  at: string
  actor: string
  name: string
  case_no: string
  what: string
  reason: string
}

export interface AccessPage {
  items: readonly Access[]
  next_cursor: string | null
}

/** Who looked at whose number; of a case, of a person, from a cursor on. */
export function accesses(caseNo: string, actor: string, cursor: string | null): Promise<AccessPage> {
  const asked = new URLSearchParams()
  if (caseNo) asked.set('case_no', caseNo)
  if (actor) asked.set('actor', actor)
  if (cursor) asked.set('cursor', cursor)
  return request('GET', `/access-log?${asked.toString()}`)
}
