/**
 * Makes mutants of a TypeScript file: the operators of Stryker, on the syntax tree of the file as it is written. All mutants of a file
 * stand in one text, each behind a switch, so that a process loads the file once and tries one after another.
 */
import { parseAst } from 'rolldown/parseAst'

export interface Mutant {
  readonly id: number
  readonly file: string
  readonly line: number
  readonly operator: string
  readonly original: string
  readonly replacement: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

/** A piece of the text with its mutants; pieces nest or lie apart, as nodes do. */
interface Span {
  readonly start: number
  readonly end: number
  readonly mutants: { id: number; text: string }[]
  /** A block is left out by a condition inside it; an expression is replaced. */
  readonly block: boolean
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
const child = (node: Node, name: string): Node => node[name] as Node

const SWAPPED: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '++': ['--'],
  '--': ['++'],
}
const COMPARES = ['<', '<=', '>', '>=', '===', '!==']
/** The method called instead; an empty name: the call is left out and its object stays. */
const METHODS: Readonly<Record<string, string>> = { startsWith: 'endsWith', endsWith: 'startsWith', some: 'every', every: 'some', filter: '', slice: '', subarray: '', sort: '', reverse: '', trim: '', trimStart: 'trimEnd', trimEnd: 'trimStart', toLowerCase: 'toUpperCase', toUpperCase: 'toLowerCase', min: 'max', max: 'min' }
/** Members that hold types or names, never a value. */
const NO_VALUES = new Set(['typeAnnotation', 'typeParameters', 'typeArguments', 'returnType', 'superTypeArguments', 'decorators', 'implements', 'label'])

const regexes = (pattern: string): string[] =>
  [pattern.replace(/^\^/, ''), pattern.replace(/\$$/, ''), pattern.replace(/\[\^/, '['), pattern.replace(/\[(?!\^)/, '[^'), pattern.replace(/\\d/, '\\D'), pattern.replace(/(?<=[\]\w)])[+*]/, ''), pattern.replace(/\{(\d+)(,\d*)?\}/, '')].filter((changed, index, all) => {
    try {
      new RegExp(changed)
      return changed !== pattern && changed !== '' && all.indexOf(changed) === index
    } catch {
      return false
    }
  })

/** `firstId` numbers the first mutant. The text is TypeScript still; it asks the global `__m` which mutant is on. */
export function mutateSource(text: string, file: string, firstId: number): { readonly text: string; readonly mutants: readonly Mutant[] } {
  const mutants: Mutant[] = []
  const spans: Span[] = []
  /** Where a statement of a list begins with an expression: without a semicolon, a bracket there would call the line before. */
  const statements = new Set<number>()
  const source = (node: Node): string => text.slice(node.start, node.end)

  function add(node: Node, operator: string, replacement: string, block = false): void {
    const original = source(node)
    if (replacement === original) return
    const id = firstId + mutants.length
    mutants.push({ id, file, line: text.slice(0, node.start).split('\n').length, operator, original, replacement: block ? '{}' : replacement })
    const span = spans.find((each) => each.start === node.start && each.end === node.end && each.block === block)
    if (span) span.mutants.push({ id, text: replacement })
    else spans.push({ start: node.start, end: node.end, mutants: [{ id, text: replacement }], block })
  }

  const between = (left: Node, right: Node, operator: string): string => `(${source(left)}) ${operator} (${source(right)})`

  /** `spine`: inside an optional chain, where nothing may be wrapped without ending the chain. */
  function visit(node: Node, spine = false): void {
    for (const list of [node['body'], node['consequent']]) if (Array.isArray(list)) for (const each of list as Node[]) if (each.type === 'ExpressionStatement') statements.add(each.start)
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'TaggedTemplateExpression':
        return
      case 'TSAsExpression':
      case 'TSNonNullExpression':
      case 'TSSatisfiesExpression':
        return visit(child(node, 'expression'), spine)
      case 'ChainExpression':
        optionalLinks(node)
        return visit(child(node, 'expression'), true)
      case 'MemberExpression':
        visit(child(node, 'object'), spine)
        if (node['computed']) visit(child(node, 'property'))
        return
      case 'CallExpression':
        if (!spine) methods(node)
        visit(child(node, 'callee'), spine)
        ;(node['arguments'] as Node[]).forEach((each) => visit(each))
        return
      case 'Property':
      case 'PropertyDefinition':
      case 'MethodDefinition':
        if (node['computed']) visit(child(node, 'key'))
        if (isNode(node['value'])) visit(node['value'])
        return
      case 'AssignmentPattern':
        visitPattern(child(node, 'left'))
        return visit(child(node, 'right'))
      case 'ObjectPattern':
      case 'ArrayPattern':
        return visitPattern(node)
      case 'VariableDeclarator':
        visitPattern(child(node, 'id'))
        if (isNode(node['init'])) visit(node['init'])
        return
      case 'AssignmentExpression':
        for (const operator of SWAPPED[String(node['operator'])] ?? []) add(node, 'assignment', `${source(child(node, 'left'))} ${operator} ${source(child(node, 'right'))}`)
        visitPattern(child(node, 'left'))
        return visit(child(node, 'right'))
      case 'UpdateExpression':
        add(node, 'update', source(node).replace(String(node['operator']), SWAPPED[String(node['operator'])]![0]!))
        return
      case 'IfStatement':
      case 'ConditionalExpression':
        for (const value of ['true', 'false']) add(child(node, 'test'), 'condition', value)
        break
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'ForStatement':
        if (isNode(node['test'])) add(node['test'], 'condition', 'false')
        break
      case 'BinaryExpression':
      case 'LogicalExpression':
        binary(node)
        break
      case 'UnaryExpression':
        if (node['operator'] === '!') add(node, 'negation', source(child(node, 'argument')))
        if (node['operator'] === '-') add(node, 'negation', source(child(node, 'argument')))
        break
      case 'Literal':
        return literal(node)
      case 'TemplateLiteral':
        add(node, 'string', "''")
        break
      case 'ArrayExpression':
        if ((node['elements'] as unknown[]).length > 0) add(node, 'array', '[]')
        break
      case 'ObjectExpression':
        if ((node['properties'] as unknown[]).length > 0) add(node, 'object', '{}')
        break
      case 'ArrowFunctionExpression':
        if (node['expression']) add(child(node, 'body'), 'function', 'undefined')
        else add(child(node, 'body'), 'block', '', true)
        break
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        if (isNode(node['body'])) add(node['body'], 'block', '', true)
        break
      default:
        if (node.type.startsWith('TS')) return
    }
    for (const [name, value] of Object.entries(node)) {
      if (NO_VALUES.has(name)) continue
      for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) visit(each)
    }
  }

  /** What is assigned to is no value; what it defaults to is. */
  function visitPattern(node: Node): void {
    if (node.type === 'AssignmentPattern') {
      visitPattern(child(node, 'left'))
      visit(child(node, 'right'))
    } else if (node.type === 'ObjectPattern') for (const property of node['properties'] as Node[]) visitPattern(property.type === 'RestElement' ? child(property, 'argument') : child(property, 'value'))
    else if (node.type === 'ArrayPattern') (node['elements'] as (Node | null)[]).forEach((each) => each && visitPattern(each.type === 'RestElement' ? child(each, 'argument') : each))
    else if (node.type === 'MemberExpression') {
      visit(child(node, 'object'))
      if (node['computed']) visit(child(node, 'property'))
    }
  }

  function binary(node: Node): void {
    const operator = String(node['operator'])
    const [left, right] = [child(node, 'left'), child(node, 'right')]
    const texts = [left, right].some((side) => side.type === 'TemplateLiteral' || (side.type === 'Literal' && typeof side['value'] === 'string'))
    if (operator !== '+' || !texts) for (const other of SWAPPED[operator] ?? []) add(node, COMPARES.includes(operator) ? 'comparison' : node.type === 'LogicalExpression' ? 'logic' : 'arithmetic', between(left, right, other))
    if (COMPARES.includes(operator) || operator === '&&' || operator === '||') for (const value of ['true', 'false']) add(node, 'condition', value)
  }

  function literal(node: Node): void {
    const value = node['value']
    if (typeof value === 'boolean') add(node, 'boolean', String(!value))
    else if (typeof value === 'string') add(node, 'string', value === '' ? "'mutant'" : "''")
    else if (isRegex(node['regex'])) for (const pattern of regexes(node['regex'].pattern)) add(node, 'regex', `/${pattern}/${node['regex'].flags}`)
  }

  function methods(node: Node): void {
    const callee = child(node, 'callee')
    const name = callee.type === 'MemberExpression' && !callee['computed'] ? String((callee['property'] as Node)['name']) : ''
    const other = Object.hasOwn(METHODS, name) ? METHODS[name]! : undefined
    if (other === undefined) return
    const property = child(callee, 'property')
    add(node, 'method', other === '' ? source(child(callee, 'object')) : `${text.slice(node.start, property.start)}${other}${text.slice(property.end, node.end)}`)
  }

  /** One mutant for each `?.` of the chain. */
  function optionalLinks(chain: Node): void {
    for (let link: Node | undefined = child(chain, 'expression'); link; link = (link['object'] ?? link['callee'] ?? link['expression']) as Node | undefined) {
      if (link['optional'] !== true) continue
      const before = (link['object'] ?? link['callee']) as Node
      const after = text.slice(before.end, chain.end)
      add(chain, 'optional', `${text.slice(chain.start, before.end)}${after.replace(/\?\.(?=[[(])|\?(?=\.)/, '')}`)
    }
  }

  visit(parseAst(text, { lang: 'ts' }) as unknown as Node)

  // Outer pieces first; of equal ones the expression outside.
  spans.sort((one, other) => one.start - other.start || other.end - one.end)
  let index = 0
  function emit(from: number, to: number): string {
    let [out, at] = ['', from]
    while (index < spans.length && spans[index]!.start < to) {
      const span = spans[index++]!
      const inner = emit(span.start + (span.block ? 1 : 0), span.end - (span.block ? 1 : 0))
      const switched = span.mutants.map(({ id, text: replacement }) => `__m(${id}) ? ${span.block ? 'undefined' : `(${replacement})`} : `).join('')
      out += text.slice(at, span.start) + (statements.delete(span.start) ? ';' : '') + (span.block ? `{ if (!__m(${span.mutants[0]!.id})) {${inner}} }` : `(${switched}${inner})`)
      at = span.end
    }
    return out + text.slice(at, to)
  }
  return { text: `declare const __m: (id: number) => boolean\n${emit(0, text.length)}`, mutants }
}

const isRegex = (value: unknown): value is { pattern: string; flags: string } => typeof value === 'object' && value !== null && 'pattern' in value
