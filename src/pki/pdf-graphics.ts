/**
 * The graphics state of a PDF page (ISO 32000-1 8.4), as far as it decides whether text can be seen: where it stands, how large, in which colour. What
 * is painted over text or cuts it away isn't followed.
 */
import { MalformedPdf } from './pdf-fault.ts'
import { isDictionary, nameOf, type Dictionary, type Value } from './pdf-object.ts'

/** a b c d e f of 8.3.3. */
export type Matrix = readonly [number, number, number, number, number, number]
export const IDENTITY: Matrix = [1, 0, 0, 1, 0, 0]
export const multiply = ([a, b, c, d, e, f]: Matrix, [g, h, i, j, k, l]: Matrix): Matrix => [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l]

const numberOf = (value: Value | undefined): number => (typeof value === 'number' ? value : 0)
export function matrixOf(values: readonly Value[]): Matrix {
  const [a, b, c, d, e, f] = values.slice(-6).map(numberOf)
  return [a ?? 1, b ?? 0, c ?? 0, d ?? 1, e ?? 0, f ?? 0]
}

/** Left, bottom, right, top. */
export type Box = readonly [number, number, number, number]

/** Points. What is smaller, nobody reads. */
const LEAST_SIZE = 4
/** Of full brightness: black or nearly. */
const DARKEST = 0.3
const MAX_SAVED = 256

/** The device spaces and the resource that may put another in their place (8.6.5.6). */
const DEVICE_SPACES: ReadonlyMap<string, { readonly parts: number; readonly replaced: string }> = new Map([
  ['DeviceGray', { parts: 1, replaced: 'DefaultGray' }],
  ['DeviceRGB', { parts: 3, replaced: 'DefaultRGB' }],
  ['DeviceCMYK', { parts: 4, replaced: 'DefaultCMYK' }],
])

/** When each entry of an extended graphics state leaves black text as it is. */
const PLAIN: Readonly<Record<string, (value: Value) => boolean>> = {
  ca: (value) => typeof value === 'number' && value >= 1,
  SMask: (value) => nameOf(value) === 'None',
  BM: (value) => ['Normal', 'Compatible'].includes(nameOf(value) ?? ''),
  TR: (value) => nameOf(value) === 'Identity',
  TR2: (value) => ['Identity', 'Default'].includes(nameOf(value) ?? ''),
}

interface State {
  readonly toPage: Matrix
  /** The fill colour is black or nearly, as far as it is known; every other space than the device's is not. */
  readonly dark: boolean
  /** The device space that is set; null for one that is not read. */
  readonly space: string | null
  /** The entries of extended graphics states in force under which black text may vanish. */
  readonly veils: readonly string[]
  readonly mode: number
  readonly size: number
  readonly leading: number
  readonly stretch: number
  readonly rise: number
  readonly characterGap: number
  readonly wordGap: number
}

const BEGINNING: State = { toPage: IDENTITY, dark: true, space: 'DeviceGray', veils: [], mode: 0, size: 0, leading: 0, stretch: 1, rise: 0, characterGap: 0, wordGap: 0 }

export class Graphics {
  readonly #box: Box
  readonly #resources: Dictionary
  readonly #resolve: (value: Value | undefined) => Value
  readonly #saved: State[] = []
  #state: State
  /** For each open piece of marked content (14.6): whether it belongs to optional content, which a viewer may hide (8.11). */
  readonly #marked: boolean[] = []
  readonly #hidden: boolean
  #line: Matrix = IDENTITY
  #advance = 0

  private constructor(box: Box, resources: Dictionary, resolve: (value: Value | undefined) => Value, state: State, hidden: boolean) {
    this.#box = box
    this.#resources = resources
    this.#resolve = resolve
    this.#state = state
    this.#hidden = hidden
  }

  static ofPage(box: Box, resources: Dictionary, resolve: (value: Value | undefined) => Value): Graphics {
    return new Graphics(box, resources, resolve, { ...BEGINNING, dark: !isReplaced('DeviceGray', resources, resolve) }, false)
  }

  /** Of a form drawn now (8.10). */
  within(form: Dictionary, resources: Dictionary): Graphics {
    const matrix = this.#resolve(form.get('Matrix'))
    const own = Array.isArray(matrix) ? matrixOf((matrix as readonly Value[]).map(this.#resolve)) : IDENTITY
    return new Graphics(this.#box, resources, this.#resolve, { ...this.#state, toPage: multiply(own, this.#state.toPage) }, this.#inLayer || form.has('OC'))
  }

  get #inLayer(): boolean {
    return this.#hidden || this.#marked.includes(true)
  }

  /** Rendering modes 3 and 7 paint nothing (9.3.6). */
  get unpainted(): boolean {
    return this.#state.mode === 3 || this.#state.mode === 7
  }

  /** Whether text shown now is surely seen, unless something covers or clips it. */
  get seen(): boolean {
    const { mode, dark, veils, size, stretch } = this.#state
    if ((mode !== 0 && mode !== 4) || !dark || veils.length > 0 || this.#inLayer) return false
    const [a, b, c, d] = this.#toPage
    const width = Math.hypot(a, b)
    const [across, up] = [width * Math.abs(size * stretch), (Math.abs(a * d - b * c) / width) * Math.abs(size)]
    const [x, y] = this.#place
    const [left, bottom, right, top] = this.#box
    return across >= LEAST_SIZE && up >= LEAST_SIZE && x >= left && x <= right && y >= bottom && y <= top
  }

  /** How far the line stands from the page's origin, across the direction of writing, in points. */
  get height(): number {
    const [a, b] = this.#toPage
    const [x, y] = multiply(this.#line, this.#state.toPage).slice(4) as [number, number]
    const width = Math.hypot(a, b)
    return width > 0 ? (a * y - b * x) / width : y
  }

  get #toPage(): Matrix {
    return multiply(this.#line, this.#state.toPage)
  }

  get #place(): readonly [number, number] {
    const [a, b, c, d, e, f] = this.#toPage
    return [a * this.#advance + c * this.#state.rise + e, b * this.#advance + d * this.#state.rise + f]
  }

  /** What a string moves the next one on at least: glyphs' own widths are not known. */
  shown(text: Buffer): void {
    const { characterGap, wordGap, stretch } = this.#state
    let spaces = 0
    for (const octet of text) if (octet === 32) spaces++
    this.#advance += (text.length * characterGap + spaces * wordGap) * stretch
  }

  /** A number inside a shown array, in thousandths. */
  kern(by: number): void {
    this.#advance -= (by / 1000) * this.#state.size * this.#state.stretch
  }

  down(): void {
    this.#move(0, -this.#state.leading)
  }

  #move(x: number, y: number): void {
    this.#line = multiply([1, 0, 0, 1, x, y], this.#line)
    this.#advance = 0
  }

  /** Carries out an operator that changes the state; any other does nothing here. */
  apply(operator: string, operands: readonly Value[]): void {
    const last = numberOf(operands.at(-1))
    switch (operator) {
      case 'q':
        if (this.#saved.push(this.#state) > MAX_SAVED) throw new MalformedPdf('structure')
        return
      case 'Q':
        this.#state = this.#saved.pop() ?? this.#state
        return
      case 'cm':
        return this.#set({ toPage: multiply(matrixOf(operands), this.#state.toPage) })
      case 'gs':
        return this.#extended(nameOf(operands.at(-1)) ?? '')
      case 'g':
        return this.#colour('DeviceGray', operands)
      case 'rg':
        return this.#colour('DeviceRGB', operands)
      case 'k':
        return this.#colour('DeviceCMYK', operands)
      case 'cs': {
        const name = nameOf(operands.at(-1)) ?? ''
        // 8.6.8: a device space begins with black.
        return this.#set({ space: DEVICE_SPACES.has(name) ? name : null, dark: DEVICE_SPACES.has(name) && !this.#isReplaced(name) })
      }
      case 'sc':
      case 'scn':
        return this.#state.space === null ? this.#set({ dark: false }) : this.#colour(this.#state.space, operands)
      case 'BMC':
        return this.#mark(false)
      case 'BDC':
        return this.#mark(nameOf(operands[0]) === 'OC')
      case 'EMC':
        this.#marked.pop()
        return
      case 'BT':
        this.#line = IDENTITY
        this.#advance = 0
        return
      case 'Tf':
        return this.#set({ size: last })
      case 'Tr':
        return this.#set({ mode: last })
      case 'TL':
        return this.#set({ leading: last })
      case 'Tz':
        return this.#set({ stretch: last / 100 })
      case 'Ts':
        return this.#set({ rise: last })
      case 'Tc':
        return this.#set({ characterGap: last })
      case 'Tw':
        return this.#set({ wordGap: last })
      case 'TD':
        this.#set({ leading: -numberOf(operands[1]) })
        return this.apply('Td', operands)
      case 'Td':
        return this.#move(numberOf(operands[0]), numberOf(operands[1]))
      case 'Tm':
        this.#line = matrixOf(operands)
        this.#advance = 0
        return
      case 'T*':
        return this.down()
    }
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
  }

  #mark(optional: boolean): void {
    if (this.#marked.push(optional) > MAX_SAVED) throw new MalformedPdf('structure')
  }

  #isReplaced(space: string): boolean {
    return isReplaced(space, this.#resources, this.#resolve)
  }

  #colour(space: string, operands: readonly Value[]): void {
    const { parts } = DEVICE_SPACES.get(space)!
    const known = operands.length === parts && operands.every((each) => typeof each === 'number')
    const values = operands.map(numberOf)
    // 10.3.5: red, green and blue out of cyan, magenta, yellow and black.
    const bright = parts === 4 ? values.slice(0, 3).map((each) => 1 - Math.min(1, Math.max(0, each) + Math.max(0, values[3]!))) : values
    this.#set({ space, dark: known && !this.#isReplaced(space) && bright.every((each) => each <= DARKEST) })
  }

  /** Of an extended graphics state (8.4.5): opacity, mask, blending and transfer, each of which may make black text vanish. */
  #extended(name: string): void {
    const states = this.#resolve(this.#resources.get('ExtGState'))
    const state = isDictionary(states) ? this.#resolve(states.get(name)) : null
    if (!isDictionary(state)) return
    const given = Object.entries(PLAIN).filter(([key]) => state.has(key))
    const veils = given.filter(([key, isPlain]) => !isPlain(this.#resolve(state.get(key)))).map(([key]) => key)
    // What the state doesn't name stays as it was.
    this.#set({ veils: [...this.#state.veils.filter((key) => !state.has(key)), ...veils] })
  }
}

/** Whether the resources put another space in this one's place. */
function isReplaced(space: string, resources: Dictionary, resolve: (value: Value | undefined) => Value): boolean {
  const spaces = resolve(resources.get('ColorSpace'))
  return isDictionary(spaces) && spaces.has(DEVICE_SPACES.get(space)!.replaced)
}
