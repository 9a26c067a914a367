/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks what libtokenry exports: the tree is built with hidden visibility, and only what
 * carries TKR_API (and stands in the library's version map) can be linked from outside.
 */
#ifndef TOKENRY_EXPORT_H
#define TOKENRY_EXPORT_H

#if defined(__GNUC__)
#define TKR_API __attribute__((visibility("default")))
#else
#define TKR_API
#endif

#endif
