/** Any bytes as a client's NTLM message. */
#include "fuzz.h"

#include "ntlm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    neg_bytes message = {data, size};
    neg_ntlm got = {NEG_NTLM_NONE, -1, -1};
    const char *error = neg_ntlm_read(message, &got);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(got.type == NEG_NTLM_NONE && got.anonymous == -1);
        return 0;
    }
    PROMISE(neg_ntlm_is(message));
    PROMISE(got.type == NEG_NTLM_NEGOTIATE ? size >= 32 : size >= 64);
    if (got.type == NEG_NTLM_AUTHENTICATE && !got.anonymous) {
        PROMISE(size >= 64 + 48); /* a response with AV_PAIRs; the fields may overlap */
    }
    return 0;
}
