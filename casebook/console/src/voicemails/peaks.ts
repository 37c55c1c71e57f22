/** The shape of a recording: how loud each of its parts is, 0 to 1. */

const PARTS = 480
const RATE = 8000

export async function peaksOf(src: string, signal: AbortSignal): Promise<Float32Array> {
  const response = await fetch(src, { signal })
  if (!response.ok) throw new Error('no recording')
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await response.arrayBuffer())
  const samples = sound.getChannelData(0)
  const peaks = new Float32Array(Math.min(PARTS, samples.length))
  let loudest = 0
  for (let part = 0; part < peaks.length; part += 1) {
    const end = Math.floor(((part + 1) * samples.length) / peaks.length)
    let peak = 0
    for (let at = Math.floor((part * samples.length) / peaks.length); at < end; at += 1) {
      peak = Math.max(peak, Math.abs(samples[at] ?? 0))
    }
    peaks[part] = peak
    loudest = Math.max(loudest, peak)
  }
  // A soft voice is seen as well as a loud one; silence stays flat.
  const scale = 1 / Math.max(loudest, 0.02)
  return peaks.map((peak) => peak * scale)
}
