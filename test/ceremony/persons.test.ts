import { expect, test } from 'vitest'
import { areTwoPersons, twoPersons } from '../../src/ceremony/refused.ts'
import { twoPersons as twoPreparers } from '../../src/commands/prepare-module.ts'

const ONE: readonly (readonly [string, string])[] = [
  ['Aoki Hanako', ' aoki hanako '],
  ['Aoki Hanako', 'Aoki  Hanako'],
  ['Aoki Hanako', 'Ａｏｋｉ　Ｈａｎａｋｏ'],
  ['Aoki Hanako, CA administrator', 'Aoki Hanako, internal auditor'],
  ['青木花子、認証局管理者', '青木花子，内部監査人'],
  ['Aoki Hanako', ', CA administrator'],
  ['Aoki Hanako', ''],
  ['Taro Tanaka', 'Tanaka Taro'],
  ['Taro Tanaka', 'Taro Tanaka (witness)'],
  ['青木花子', '青木花子（立会人）'],
  ['Taro Tanaka', 'Taro Tanaka.'],
  ['Taro Tanaka', 'Ta\u200bro Tanaka'],
  ['Taro Tanaka', 'T\u0430ro Tanaka'],
  ['Taro Tanaka', 'Tar\u03bf Tanaka'],
]

test.each(ONE)('CAK-1, ATT-1: "%s" and "%s" are one person, and refused', (...persons) => {
  expect(areTwoPersons(persons)).toBe(false)
  expect(() => twoPersons(persons)).toThrow('at least two different persons')
  expect(() => twoPreparers(persons)).toThrow('Two different persons are needed')
})

test('CAK-1, ATT-1: two of one family are two persons', () => {
  const persons = ['Aoki Hanako, CA administrator', 'Aoki Taro, CA administrator'] as const
  expect(() => twoPersons(persons)).not.toThrow()
  expect(twoPreparers(persons)).toEqual(persons)
})

test('ATT-1: a name that moves the terminal about prepares nothing', () => expect(() => twoPreparers(['Aoki Hanako', 'Beppu\u001b[2J Taro'])).toThrow('Two different persons are needed'))
