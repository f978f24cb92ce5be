// Package web serves pages: plain HTML that needs no script, asks nothing of third parties and sets no cookie.
package web
