;;; sniffer.el --- Failures of a project's tests in a compilation buffer  -*- lexical-binding: t -*-

;; M-x sniffer waits until all that you saved is verified, then lists what fails; M-g n goes from one to
;; the next. In your init file: (load "/path/of/sniffer.el")

;;; Code:

(require 'compile)

(defvar sniffer-command
  "snifferctl wait --timeout 300 >/dev/null; test $? -le 1 && snifferctl results --failed --format quickfix"
  "What lists the failures, each as FILE:LINE: MESSAGE.")

(defun sniffer ()
  "List the tests that fail, once all that was saved is verified."
  (interactive)
  (compilation-start sniffer-command nil (lambda (_mode) "*sniffer*")))

(provide 'sniffer)
;;; sniffer.el ends here
