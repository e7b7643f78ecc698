/** Method 2 on the page of key protection: how to get the maker's statement. */
import type { MethodSection } from '../../method-section.ts'

export const keyAttestationSection: MethodSection = {
  id: 'key-attestation',
  model: async () => ({ commands: 'ykman piv keys attest 9c attestation.pem\nykman piv certificates export f9 intermediate.pem' }),
}
