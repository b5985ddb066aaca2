/** The mechanisms that may be negotiated, as bits: a set of them is AuthNegotiateMechs. */
#ifndef NEG_CORE_MECH_H
#define NEG_CORE_MECH_H

#define NEG_MECH_KRB5    1u
#define NEG_MECH_NTLMSSP 2u

#endif
