/** Passwords: argon2id, and what is refused as too easily guessed. */
import { hash, verify } from '@node-rs/argon2'
import { normaliseEmail } from './accounts.ts'

export const PASSWORD_LEAST = 12
export const PASSWORD_MOST = 128
/** UTF-16 units as typed, before any work is done on them: 128 characters, each of several marks, are fewer. */
export const PASSWORD_MOST_TYPED = 1024

/** One text whatever keyboard or input method wrote it. */
const normalise = (password: string): string => password.normalize('NFKC')

/** One measure for registering and for signing in: characters, after the keyboard's way of writing them is gone. */
const tooLong = (password: string): boolean => password.length > PASSWORD_MOST_TYPED || [...normalise(password)].length > PASSWORD_MOST

/** argon2id with the library's parameters (19 MiB, 2 passes, 1 lane), as a PHC string. */
export const hashPassword = (password: string): Promise<string> => hash(normalise(password))

let nobody: Promise<string> | undefined

/**
 * True when the password is the account's. Without an account (`null`) the same work is done and the answer is false,
 * so that time tells nobody whether an address is known.
 */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  if (tooLong(password)) return false
  const right = await verify(passwordHash ?? (await (nobody ??= hash('nobody has this password'))), normalise(password))
  return right && passwordHash !== null
}

/** The commonest passwords of twelve characters and more, and the runs that people make them of. */
const COMMONEST = new Set(
  `123456789012 1234567890123 12345678901234 1234567890ab 123123123123 121212121212 112233445566 987654321098 password1234 password12345 password123456
  passwordpassword password2024 password2025 password2026 mypassword123 adminadmin12 administrator administrator1 administrator123 qwertyuiop12 qwertyuiop123
  qwertyuiop[] qwertyuiopasdf qwertyuiopasdfghjkl qwerty123456 qwerty1234567 qwertyqwerty 1qaz2wsx3edc 1q2w3e4r5t6y 1q2w3e4r5t6y7u zaq12wsxcde3 asdfghjkl123
  asdfghjkl;'  abcdefghijkl abcdefgh1234 abcd12345678 abc123abc123 abcabcabcabc iloveyou1234 iloveyou123456 letmeinletmein letmein123456 welcome12345
  welcome123456 changeme1234 changeme12345 changemechangeme trustno1trustno1 correcthorsebatterystaple secretsecret secret123456 testtesttest test12345678
  testing12345 footballfootball baseball1234 sunshine1234 superman1234 princess1234
  p@ssw0rd1234 p@ssword1234 passw0rd1234 pa$$word1234
  monkey123456 dragon123456`.split(
    /\s+/,
  ),
)

const UNITS = ['abcdefghijklmnopqrstuvwxyz', '01234567890123456789', '98765432109876543210', 'qwertyuiopasdfghjklzxcvbnm']

function isRun(text: string): boolean {
  if (UNITS.some((unit) => unit.includes(text))) return true
  // One to four characters said again and again.
  for (const size of [1, 2, 3, 4])
    if (
      text ===
      text
        .slice(0, size)
        .repeat(Math.ceil(text.length / size))
        .slice(0, text.length)
    )
      return true
  return false
}

export type PasswordProblem = 'too-short' | 'too-long' | 'is-about-you' | 'too-common'

/** What is wrong with a password as a new one, or null. Length counts characters, not octets. */
export function passwordProblem(password: string, person: { readonly email: string; readonly name: string }): PasswordProblem | null {
  if (tooLong(password)) return 'too-long'
  const text = normalise(password)
  if ([...text].length < PASSWORD_LEAST) return 'too-short'
  const lower = text.toLowerCase()
  const bare = lower.replace(/[\s._-]/g, '')
  const email = normaliseEmail(person.email)
  const about = [email, email.split('@')[0]!, person.name.normalize('NFKC').toLowerCase()].map((each) => each.replace(/[\s._-]/g, ''))
  if (about.some((each) => [...each].length >= 4 && bare.includes(each))) return 'is-about-you'
  if (COMMONEST.has(lower) || isRun(lower)) return 'too-common'
  return null
}
