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

/*
 * The mechanism by which the customer-key functions below encrypt. It stands in CKA_ALLOWED_MECHANISMS
 * and in policies; no standard function takes it.
 */
#define CKM_KEYWARD_CUSTOMER_DATA 0x804B5702UL

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
#define KEYWARD_ROLE_TRANSPORT 3UL
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
 * Attributes of customer keys. A customer key is a family of versions; each version is an object, with
 * the same label and id. A search finds the newest, unless its template names CKA_KEYWARD_KEY_VERSION or
 * CKA_KEYWARD_STANDING. An older version decrypts, verifies and unwraps only.
 */
/* The 16-byte id of the family. Read-only. */
#define CKA_KEYWARD_FAMILY 0x804B5707UL
/* CK_ULONG, from 1: which version this is. Read-only. */
#define CKA_KEYWARD_KEY_VERSION 0x804B5708UL
/* Whose key it is: bytes of the caller's choice, given at creation, by which keys can be searched. */
#define CKA_KEYWARD_TENANT 0x804B5709UL
/* CK_ULONG, one of KEYWARD_STANDING_...: how the object stands. Read-only. */
#define CKA_KEYWARD_STANDING 0x804B570AUL
#define KEYWARD_STANDING_CURRENT 0UL
#define KEYWARD_STANDING_SUPERSEDED 1UL
#define KEYWARD_STANDING_SHRED_PENDING 2UL
#define KEYWARD_STANDING_DESTROYED 3UL
/*
 * What may be done with the key, by whom, where, when, how often and with which authenticated data:
 * encoded as docs/formats.md says under "Key policy". Given at creation; C_SetAttributeValue only
 * tightens it. Every function keeps to it. What it does not allow is answered
 * CKR_KEY_FUNCTION_NOT_PERMITTED; CKR_USER_NOT_LOGGED_IN where it wants to know the operator, whom
 * C_LoginUser names.
 */
#define CKA_KEYWARD_POLICY 0x804B570BUL
/* CK_ULONG: when the version was made, in seconds since 1970-01-01 UTC; 0 when unknown. Read-only. */
#define CKA_KEYWARD_CREATED 0x804B570CUL
/*
 * On a key that C_UnwrapKey opened from a key token under a retired domain key: the token under the
 * active one, to be kept in its place. Else empty. Made when it is read. Read-only.
 */
#define CKA_KEYWARD_UPDATE 0x804B570DUL
/*
 * 16 bytes that tell a key that is destroyed, or is to be, from other keys of its domain; empty before.
 * They say nothing of the key to who does not have the domain's secret. Read-only.
 */
#define CKA_KEYWARD_FINGERPRINT 0x804B570EUL
/*
 * What became of the key, oldest first, 9 bytes each: KEYWARD_STANDING_..., or 255 for a compromise that
 * became known, and the time in seconds since 1970-01-01 UTC as 8 bytes, big-endian. Read-only.
 */
#define CKA_KEYWARD_HISTORY 0x804B570FUL

/*
 * The vendor's interface. Ask for it by name; its function list begins with its version:
 *
 *     CK_INTERFACE_PTR interface;
 *     CK_VERSION version = { 1, 2 };
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

/* Customer keys. */

/* What there is to know of one version of a customer key. */
typedef struct KEYWARD_KEY_INFO {
    CK_BYTE family[16];    /* the key: a family of versions */
    CK_ULONG ulVersion;    /* which version */
    CK_ULONG ulNewest;     /* the newest version: what is under an older one is stale */
    CK_ULONG ulStanding;   /* KEYWARD_STANDING_... */
    CK_ULONG ulCreated;    /* seconds since 1970-01-01 UTC; 0 when unknown */
    CK_ULONG ulRegistered; /* how many things are counted as wrapped under it; else
                              CK_UNAVAILABLE_INFORMATION: KW_KeyInfo counts */
    CK_ULONG ulLabelLen;   /* bytes of the label */
    CK_UTF8CHAR label[256];
} KEYWARD_KEY_INFO;

typedef KEYWARD_KEY_INFO *KEYWARD_KEY_INFO_PTR;

/*
 * Of every function on customer keys:
 *
 * - hSession is a session in which the user is logged in, else CKR_USER_NOT_LOGGED_IN.
 * - A key's handle is that of any version, or of one that C_UnwrapKey opened from a key token; it stands
 *   for the family. Only KW_Encrypt, KW_GenerateDataKey, KW_Rekey and KW_RotateKey mind which version it
 *   is: they refuse an older one (CKR_KEY_FUNCTION_NOT_PERMITTED).
 * - An output buffer of NULL asks for the length; one that is too short is answered CKR_BUFFER_TOO_SMALL
 *   with the length needed. Neither uses the key or counts as a use.
 * - pInfo, where it is not NULL, is filled when the function did what it was asked.
 * - Ciphertext names its key and version and has the form that docs/formats.md gives under "Ciphertext
 *   under a customer key"; pAad, ulAadLen bytes (NULL and 0 for none), are authenticated with it.
 */

/*
 * Makes a customer key: an AES-256 key of the token, sensitive and never extractable. The template may
 * have CKA_LABEL, CKA_ID, CKA_KEYWARD_TENANT and CKA_KEYWARD_POLICY, and nothing else. hMaterial is
 * CK_INVALID_HANDLE, or an AES-256 key (unwrapped by C_UnwrapKey, say) whose value the new key gets.
 */
typedef CK_RV (*CK_KW_CreateKey)(
    CK_SESSION_HANDLE hSession,
    CK_ATTRIBUTE_PTR pTemplate,
    CK_ULONG ulCount,
    CK_OBJECT_HANDLE hMaterial,
    CK_OBJECT_HANDLE_PTR phKey,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * Makes a new version of a secret key of the token, with the same label, id, tenant and policy: of new
 * random bytes, or of the value behind hMaterial. The version before it decrypts, verifies and unwraps
 * only from then on. A key that C_GenerateKey made becomes the first version of a family.
 */
typedef CK_RV (*CK_KW_RotateKey)(
    CK_SESSION_HANDLE hSession,
    CK_OBJECT_HANDLE hKey,
    CK_OBJECT_HANDLE hMaterial,
    CK_OBJECT_HANDLE_PTR phNewest,
    KEYWARD_KEY_INFO_PTR pInfo);

/* Tells about a version of a key, 0 for the newest. phVersion, if not NULL, receives its handle. */
typedef CK_RV (*CK_KW_KeyInfo)(
    CK_SESSION_HANDLE hSession,
    CK_OBJECT_HANDLE hKey,
    CK_ULONG ulVersion,
    CK_OBJECT_HANDLE_PTR phVersion,
    KEYWARD_KEY_INFO_PTR pInfo);

/* Encrypts under the newest version. ulVersion is 0, or the version that the caller takes for it. */
typedef CK_RV (*CK_KW_Encrypt)(
    CK_SESSION_HANDLE hSession,
    CK_OBJECT_HANDLE hKey,
    CK_ULONG ulVersion,
    CK_BYTE_PTR pAad,
    CK_ULONG ulAadLen,
    CK_BYTE_PTR pData,
    CK_ULONG ulDataLen,
    CK_BYTE_PTR pEncrypted,
    CK_ULONG_PTR pulEncryptedLen,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * Decrypts a ciphertext or wrapped data key under the version that it names. hKey is its key, or
 * CK_INVALID_HANDLE. Where pulUpdateLen is not NULL and an older version was named, pUpdate receives the
 * same under the newest version, to be kept in its place; *pulUpdateLen is 0 when it was the newest.
 */
typedef CK_RV (*CK_KW_Decrypt)(
    CK_SESSION_HANDLE hSession,
    CK_OBJECT_HANDLE hKey,
    CK_BYTE_PTR pAad,
    CK_ULONG ulAadLen,
    CK_BYTE_PTR pEncrypted,
    CK_ULONG ulEncryptedLen,
    CK_BYTE_PTR pData,
    CK_ULONG_PTR pulDataLen,
    CK_BYTE_PTR pUpdate,
    CK_ULONG_PTR pulUpdateLen,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * Decrypts under the key that the ciphertext names and encrypts under hTo; the plaintext never leaves.
 * The policies of both keys must allow it; that of the first may allow it where it does not allow to
 * decrypt. pInfo tells about hTo.
 */
typedef CK_RV (*CK_KW_Rekey)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pAad,
    CK_ULONG ulAadLen,
    CK_BYTE_PTR pEncrypted,
    CK_ULONG ulEncryptedLen,
    CK_OBJECT_HANDLE hTo,
    CK_BYTE_PTR pToAad,
    CK_ULONG ulToAadLen,
    CK_BYTE_PTR pResult,
    CK_ULONG_PTR pulResultLen,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * Makes a data key of ulLength random bytes, 16 to 64, wrapped under hKey, and counts it as wrapped under
 * that version. pPlain receives the key itself, ulLength bytes; NULL leaves it inside. KW_Decrypt opens
 * the wrapped one.
 */
typedef CK_RV (*CK_KW_GenerateDataKey)(
    CK_SESSION_HANDLE hSession,
    CK_OBJECT_HANDLE hKey,
    CK_BYTE_PTR pAad,
    CK_ULONG ulAadLen,
    CK_ULONG ulLength,
    CK_BYTE_PTR pPlain,
    CK_BYTE_PTR pWrapped,
    CK_ULONG_PTR pulWrappedLen,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * As KW_UseKeyToken; the answer also says what there is to know of the token's key and, where the token
 * is under a retired domain key, carries the token under the active one: pUpdate, at most
 * *pulUpdateLen bytes; *pulUpdateLen is then 0 when the token is not stale.
 */
typedef CK_RV (*CK_KW_UseKeyToken2)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pToken,
    CK_ULONG ulTokenLen,
    CK_FLAGS operation,
    CK_MECHANISM_PTR pMechanism,
    CK_BYTE_PTR pData,
    CK_ULONG ulDataLen,
    CK_BYTE_PTR pResult,
    CK_ULONG_PTR pulResultLen,
    CK_BYTE_PTR pUpdate,
    CK_ULONG_PTR pulUpdateLen,
    KEYWARD_KEY_INFO_PTR pInfo);

/*
 * Does what an encoded request asks: everything that can be asked about customer keys
 * (docs/formats.md, "Requests"), such as policies, counts, shredding, suspending. The length asked for
 * is the most that the answer can have.
 */
typedef CK_RV (*CK_KW_Request)(
    CK_SESSION_HANDLE hSession,
    CK_BYTE_PTR pRequest,
    CK_ULONG ulRequestLen,
    CK_BYTE_PTR pAnswer,
    CK_ULONG_PTR pulAnswerLen);

/*
 * Many keys in one call: as C_WrapKey and C_UnwrapKey for each, but what is the same for all is checked
 * once, and CKM_AES_KEY_WRAP without an initial value runs them side by side. At most 65,536 keys. Key
 * tokens are wrapped and unwrapped one by one.
 *
 * KW_WrapKeys: the ulCount keys of phKeys, each into ulEachLen bytes, one after the other, at pWrapped
 * (NULL asks for the whole length). A key of which another length would come gives CKR_KEY_SIZE_RANGE.
 *
 * KW_UnwrapKeys: ulWrappedLen bytes at pWrapped are keys of ulEachLen bytes each. phKeys receives the handle of
 * each, ulWrappedLen / ulEachLen of them; all objects are made by the one template. When one cannot be
 * unwrapped, none is made.
 */
typedef CK_RV (*CK_KW_WrapKeys)(
    CK_SESSION_HANDLE hSession,
    CK_MECHANISM_PTR pMechanism,
    CK_OBJECT_HANDLE hWrappingKey,
    CK_OBJECT_HANDLE_PTR phKeys,
    CK_ULONG ulCount,
    CK_ULONG ulEachLen,
    CK_BYTE_PTR pWrapped,
    CK_ULONG_PTR pulWrappedLen);
typedef CK_RV (*CK_KW_UnwrapKeys)(
    CK_SESSION_HANDLE hSession,
    CK_MECHANISM_PTR pMechanism,
    CK_OBJECT_HANDLE hUnwrappingKey,
    CK_BYTE_PTR pWrapped,
    CK_ULONG ulWrappedLen,
    CK_ULONG ulEachLen,
    CK_ATTRIBUTE_PTR pTemplate,
    CK_ULONG ulAttributeCount,
    CK_OBJECT_HANDLE_PTR phKeys);

typedef struct KEYWARD_FUNCTION_LIST {
    CK_VERSION version; /* 1.2 */
    CK_KW_UseKeyToken KW_UseKeyToken;
    /* From version 1.1 on. */
    CK_KW_OpenOperatorSession KW_OpenOperatorSession;
    CK_KW_OperatorRequest KW_OperatorRequest;
    CK_KW_CreateKey KW_CreateKey;
    CK_KW_RotateKey KW_RotateKey;
    CK_KW_KeyInfo KW_KeyInfo;
    CK_KW_Encrypt KW_Encrypt;
    CK_KW_Decrypt KW_Decrypt;
    CK_KW_Rekey KW_Rekey;
    CK_KW_GenerateDataKey KW_GenerateDataKey;
    CK_KW_UseKeyToken2 KW_UseKeyToken2;
    CK_KW_Request KW_Request;
    /* From version 1.2 on. */
    CK_KW_WrapKeys KW_WrapKeys;
    CK_KW_UnwrapKeys KW_UnwrapKeys;
} KEYWARD_FUNCTION_LIST;

#ifdef __cplusplus
}
#endif

#endif
