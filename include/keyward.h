/*
 * keyward.h: what Keyward adds to PKCS#11. Include the standard's pkcs11.h (2.40 or later) first.
 *
 * Everything here is optional: a caller that knows only the standard misses nothing but speed.
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 */
#ifndef KEYWARD_H
#define KEYWARD_H 1

#ifdef __cplusplus
extern "C" {
#endif

/* Where the vendor's numbers begin: CKM_VENDOR_DEFINED (CKA_VENDOR_DEFINED) with "KW" in it. */
#define KEYWARD_VENDOR_BASE 0x804B5700UL

/*
 * Mechanism, for C_WrapKey, C_UnwrapKey, C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated.
 * No parameter. The wrapping (unwrapping) key is a domain key. Wraps any key of the token with all
 * its attributes as a key token; the key may be non-extractable, because the token opens only
 * inside the domain. Unwrapping restores exactly the attributes that were sealed: the template may
 * name the object's place (CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID) and cannot loosen the rest.
 */
#define CKM_KEYWARD_KEY_TOKEN 0x804B5701UL

/* Attribute of a domain-key object: the 16-byte id of the domain key. Read-only. */
#define CKA_KEYWARD_DOMAIN_KEY_ID 0x804B5701UL
/* Attribute of a domain-key object, CK_ULONG: one of KEYWARD_STATE_... Read-only. */
#define CKA_KEYWARD_DOMAIN_KEY_STATE 0x804B5702UL
#define KEYWARD_STATE_PENDING 0UL
#define KEYWARD_STATE_ACTIVE 1UL
#define KEYWARD_STATE_DECRYPT_ONLY 2UL
/* Attribute of a key, CK_ULONG: what it has been used for, one of KEYWARD_ROLE_... Read-only. */
#define CKA_KEYWARD_ROLE 0x804B5703UL
#define KEYWARD_ROLE_UNDECIDED 0UL
#define KEYWARD_ROLE_DATA 1UL
#define KEYWARD_ROLE_WRAPPING 2UL
/*
 * Attribute of a key: the 16-byte id that copies of one key, and both halves of a pair, share; what
 * one of them is first used for binds them all. Read-only.
 */
#define CKA_KEYWARD_LINEAGE 0x804B5704UL
/*
 * Attribute of a public key, CK_BBOOL: its private half was made here with it and has never been
 * extractable. Read-only.
 */
#define CKA_KEYWARD_PROTECTED_PAIR 0x804B5705UL
/*
 * Attribute of a key, CK_BBOOL: it has wrapped, or may elsewhere have wrapped, a sensitive key, and
 * gives back only sensitive, non-extractable ones. Read-only.
 */
#define CKA_KEYWARD_CARRIED 0x804B5706UL

/*
 * The vendor's interface. Ask for it by name; its function list begins with its version:
 *
 *     CK_INTERFACE_PTR interface;
 *     CK_VERSION version = { 1, 1 };
 *     rv = C_GetInterface((CK_UTF8CHAR_PTR)KEYWARD_INTERFACE_NAME, &version, &interface, 0);
 *     KEYWARD_FUNCTION_LIST *keyward = interface->pFunctionList;
 *
 * A later minor version adds functions at the end of the list and changes none.
 */
#define KEYWARD_INTERFACE_NAME "Vendor Keyward"

/*
 * Opens a key token, does one operation with its key, and forgets the key: the same as
 * C_UnwrapKey, C_EncryptInit, C_Encrypt and C_DestroyObject in one call, without an object.
 *
 *   hSession        a session in which the user is logged in
 *   pToken          the key token, ulTokenLen bytes; it names its own domain key
 *   operation       CKF_ENCRYPT, CKF_DECRYPT, CKF_SIGN or CKF_VERIFY
 *   pMechanism      the mechanism, which the key must permit
 *   pData           the input, ulDataLen bytes
 *   pResult         receives the output, at most *pulResultLen bytes; NULL asks for the length.
 *                   For CKF_VERIFY it holds the signature to be verified, *pulResultLen bytes.
 *   pulResultLen    receives the length of the output; left alone by CKF_VERIFY
 *
 * The operations in progress in the session are not touched. The answers are those of the
 * functions that it stands for; a token that does not open gives CKR_WRAPPED_KEY_INVALID.
 */
typedef CK_RV (*CK_KW_UseKeyToken)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pToken,
    CK_ULONG ulTokenLen,
    CK_FLAGS operation,
    CK_MECHANISM_PTR pMechanism,
    CK_BYTE_PTR pData,
    CK_ULONG ulDataLen,
    CK_BYTE_PTR pResult,
    CK_ULONG_PTR pulResultLen);

/*
 * Operator sessions. An operator of the domain, somewhere else, sends messages that the caller of these
 * functions carries. It can neither read nor change them: they are signed, or sealed under keys that only
 * the operator and the members of the domain have. docs/formats.md, "Operator session", has their form.
 *
 * KW_OpenOperatorSession answers an operator's signed request for a session with this member. Each is
 * answered once. The request names the member, and must be at most 300 seconds old.
 *
 * KW_OperatorRequest does what is asked in a session, which any member of the domain may have opened, and
 * answers it, sealed. Each request has a counter, and this member takes none twice, in whichever of its
 * processes it comes. What only the operator is to know (that a counter was used, that the session is over,
 * that a key was not found) is in the sealed answer, and the function returns CKR_OK.
 *
 *   hSession        a session in which the user is logged in; a read-only one changes nothing
 *   pMessage        the message, ulMessageLen bytes
 *   pAnswer         receives the answer, at most *pulAnswerLen bytes; NULL asks for the length.
 *   pulAnswerLen    receives the length of the answer; of a length query, a length that is enough
 *
 * A length query does nothing, and neither does a call with a buffer that is too small
 * (CKR_BUFFER_TOO_SMALL), except that an answer may turn out longer than foreseen: it then waits for the
 * same message with a larger buffer, and nothing is done twice.
 *
 * CKR_ACTION_PROHIBITED: refused; keyward domain history says why. CKR_DATA_INVALID: malformed.
 */
typedef CK_RV (*CK_KW_OpenOperatorSession)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pMessage,
    CK_ULONG ulMessageLen,
    CK_BYTE_PTR pAnswer,
    CK_ULONG_PTR pulAnswerLen);
typedef CK_RV (*CK_KW_OperatorRequest)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pMessage,
    CK_ULONG ulMessageLen,
    CK_BYTE_PTR pAnswer,
    CK_ULONG_PTR pulAnswerLen);

typedef struct KEYWARD_FUNCTION_LIST {
    CK_VERSION version; /* 1.1 */
    CK_KW_UseKeyToken KW_UseKeyToken;
    /* From version 1.1 on. */
    CK_KW_OpenOperatorSession KW_OpenOperatorSession;
    CK_KW_OperatorRequest KW_OperatorRequest;
} KEYWARD_FUNCTION_LIST;

#ifdef __cplusplus
}
#endif

#endif
