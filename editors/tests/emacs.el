;;; Emacs with eglot, by the settings that editors/README.md gives. Prints `ok <check>` for each thing that works.
;;
;; Environment: RAGSTAR_PROJECT a copy of the example project, RAGSTAR_README the file with the settings; the program is on PATH.

(require 'package)
(package-initialize)
(require 'sql)
(require 'flymake)

(defvar yaml-mode-map nil)
(unless (fboundp 'yaml-mode) (define-derived-mode yaml-mode text-mode "YAML"))

;; The settings as they are written for people.
(with-temp-buffer
  (insert-file-contents (getenv "RAGSTAR_README"))
  (search-forward "## Emacs")
  (search-forward "```elisp\n")
  (let ((begin (point)))
    (search-forward "```")
    (eval-region begin (match-beginning 0))))

(setq eglot-sync-connect 30)

(defun wait-until (what test)
  (let ((end (+ (float-time) 60)))
    (while (and (not (funcall test)) (< (float-time) end)) (accept-process-output nil 0.1))
    (if (funcall test) (princ (format "ok %s\n" what)) (princ (format "FAILED %s\n" what)))))

(defun ask (method)
  (ignore-errors (jsonrpc-request (eglot-current-server) method (eglot--TextDocumentPositionParams))))

(let ((file (expand-file-name "models/marts/core/fct_orders.sql" (getenv "RAGSTAR_PROJECT"))))
  (find-file file)
  (hack-local-variables)
  (call-interactively #'eglot)
  (wait-until "attach" #'eglot-current-server)
  (goto-char (point-min))
  (search-forward "int_order_to")
  (wait-until "hover" (lambda () (string-match-p "int_order_totals" (format "%S" (ask :textDocument/hover)))))
  (xref-find-definitions "int_order_totals")
  (wait-until "definition" (lambda () (string-suffix-p "int_order_totals.sql" (buffer-file-name))))
  (find-file file)
  (goto-char (point-min))
  (search-forward "int_order_to")
  (insert "zz")
  (eglot--signal-textDocument/didChange)
  (wait-until "diagnostics"
              (lambda ()
                (flymake-start)
                (string-match-p "int_order_tozztals" (format "%S" (mapcar #'flymake-diagnostic-text (flymake-diagnostics))))))
  (delete-char -2)
  (eglot--signal-textDocument/didChange)
  (let ((offers (nth 2 (eglot-completion-at-point))))
    (wait-until "completion" (lambda () (member "int_order_totals" (mapcar #'substring-no-properties (all-completions "int_" offers))))))
  (set-buffer-modified-p nil)
  (eglot-shutdown (eglot-current-server))
  (wait-until "clean exit" (lambda () (not (eglot-current-server)))))
