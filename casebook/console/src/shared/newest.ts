/** Asks again and again; null where a later asking has overtaken the answer, which tells of what was. */
export function newest<T>(ask: () => Promise<T>): () => Promise<T | null> {
  let asked = 0
  return async () => {
    const mine = ++asked
    const answer = await ask()
    return mine === asked ? answer : null
  }
}
