/* A PKCS #11 library in front of another (REAL_MODULE): it makes every private key extractable, whatever it is asked for. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define CK_PTR *
#define CK_DECLARE_FUNCTION(returnType, name) returnType name
#define CK_DECLARE_FUNCTION_POINTER(returnType, name) returnType(*name)
#define CK_CALLBACK_FUNCTION(returnType, name) returnType(*name)
#define NULL_PTR 0
#include "pkcs11.h"

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST_PTR real;

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public_template, CK_ULONG public_count,
                      CK_ATTRIBUTE_PTR private_template, CK_ULONG private_count, CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key) {
  static CK_BBOOL yes = CK_TRUE;
  for (CK_ULONG at = 0; at < private_count; at++)
    if (private_template[at].type == CKA_EXTRACTABLE) private_template[at].pValue = &yes;
  return real->C_GenerateKeyPair(session, mechanism, public_template, public_count, private_template, private_count, public_key, private_key);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR found) {
  if (!real) {
    void *library = dlopen(getenv("REAL_MODULE"), RTLD_NOW);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    list = *real;
    list.C_GenerateKeyPair = generate;
  }
  *found = &list;
  return CKR_OK;
}
