# Putting Surveil on a machine as a service, and taking it off again. Included by the Makefile.
#
#     sudo make install                         virtual environment in /opt/surveil, configuration in /etc/surveil, units
#     sudo make install DROPINS="cuda v4l2"     also the drop-ins for these devices
#     make install DESTDIR=/tmp/root            into a scratch root, as any user; nothing of the machine is touched
#
# Again after `git pull`, it upgrades. Configuration and data are never overwritten and never removed.

DESTDIR ?=
# Where the virtual environment lives. The unit names /opt/surveil; another PREFIX is written into the installed copy.
PREFIX ?= /opt/surveil
# Extras of the package: npu, openvino.
EXTRAS ?=
# Drop-ins from systemd/surveil.service.d to put in place, without .conf.
DROPINS ?=
# `--system-site-packages` where torch comes with the system, as on a Jetson.
VENV_ARGS ?=

APP := $(DESTDIR)$(PREFIX)
ETC := $(DESTDIR)/etc/surveil
UNITS := $(DESTDIR)/usr/local/lib/systemd/system
SYSUSERS := $(DESTDIR)/usr/local/lib/sysusers.d
TMPFILES := $(DESTDIR)/usr/local/lib/tmpfiles.d
LINKS := $(DESTDIR)/usr/local/bin
comma := ,
LOCAL_UNITS := $(DESTDIR)/etc/systemd/system

.PHONY: install uninstall install-check install-venv install-files install-live

install: install-check install-venv install-files install-live ## put the service on this machine (sudo), or into DESTDIR=...

install-check:
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" != 0 ]; then \
	  echo "make install writes to $(PREFIX), /etc and /usr/local: run it with sudo, or give DESTDIR=/some/folder"; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Surveil needs Python 3.11 or newer; $(PYTHON) is older. Try: make install PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@for name in $(DROPINS); do \
	  test -f systemd/surveil.service.d/$$name.conf || \
	    { echo "there is no drop-in $$name; there are: $$(cd systemd/surveil.service.d && echo *.conf | sed 's/\.conf//g')"; exit 1; }; done

install-venv:
	@mkdir -p "$(dir $(APP))"
	$(PYTHON) -m venv $(VENV_ARGS) "$(APP)"
	@# pip installs a folder afresh even when its version number is the one that is there.
	PIP_CONSTRAINT=constraints.txt "$(APP)/bin/pip" install --disable-pip-version-check -q --upgrade $(PIP_ARGS) \
	  ".$(if $(EXTRAS),[$(subst $() ,$(comma),$(strip $(EXTRAS)))])"

install-files:
	install -d "$(UNITS)" "$(SYSUSERS)" "$(TMPFILES)" "$(LINKS)" "$(APP)/share/surveil.service.d"
	install -d -m 0750 "$(ETC)"
	sed 's|/opt/surveil|$(PREFIX)|g' systemd/surveil.service > "$(UNITS)/surveil.service"
	chmod 0644 "$(UNITS)/surveil.service"
	install -m 0644 systemd/surveil.sysusers "$(SYSUSERS)/surveil.conf"
	install -m 0644 systemd/surveil.tmpfiles "$(TMPFILES)/surveil.conf"
	install -m 0644 systemd/surveil.service.d/*.conf "$(APP)/share/surveil.service.d/"
	ln -sfn "$(PREFIX)/bin/surveil" "$(LINKS)/surveil"
	@test -e "$(ETC)/config.yaml" && echo "kept $(ETC)/config.yaml" || install -m 0640 systemd/config.yaml "$(ETC)/config.yaml"
	@for name in $(DROPINS); do \
	  install -D -m 0644 systemd/surveil.service.d/$$name.conf "$(LOCAL_UNITS)/surveil.service.d/$$name.conf"; done

# Only on the machine itself, and only where systemd runs it (a container image has no systemd while it is built).
install-live:
	@if [ -n "$(DESTDIR)" ]; then echo "installed into $(DESTDIR)"; exit 0; fi; \
	systemd-sysusers "$(SYSUSERS)/surveil.conf" && systemd-tmpfiles --create "$(TMPFILES)/surveil.conf" || exit 1; \
	if [ -d /run/systemd/system ]; then systemctl daemon-reload && systemctl try-restart surveil; fi; \
	echo "installed. Next: edit /etc/surveil/config.yaml, then"; \
	echo "    surveil check -c /etc/surveil/config.yaml"; \
	echo "    systemctl enable --now surveil && systemctl status surveil"

uninstall: ## take the service off this machine; configuration and data stay
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" != 0 ]; then echo "run it with sudo"; exit 1; fi
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now surveil || true; fi
	@# rm -rf of a PREFIX that is not ours would be a catastrophe: only a virtual environment that holds surveil goes.
	@if [ -e "$(APP)" ]; then \
	  if [ -f "$(APP)/pyvenv.cfg" ] && [ -e "$(APP)/bin/surveil" ]; then rm -rf "$(APP)"; \
	  else echo "$(APP) is no installation of Surveil and is left alone"; exit 1; fi; fi
	rm -f "$(UNITS)/surveil.service" "$(SYSUSERS)/surveil.conf" "$(TMPFILES)/surveil.conf" "$(LINKS)/surveil"
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	@echo "taken off. Kept, and yours to remove: $(ETC) (configuration, secrets), $(DESTDIR)/var/lib/surveil (alerts, journal,"
	@echo "snapshots), $(DESTDIR)/var/cache/surveil (models), $(LOCAL_UNITS)/surveil.service.d (drop-ins), the user surveil"
