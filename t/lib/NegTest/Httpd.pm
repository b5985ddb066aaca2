package NegTest::Httpd;

# The httpd that apxs belongs to: its program, its modules, the user it runs
# its children as. Debian's or anybody's /etc is not read.

use strict;
use warnings;

use Exporter 'import';
use NegTest::Process 'run_ok';

our @EXPORT_OK = qw(apxs apxs_program httpd_program httpd_user httpd_env module_lines mpm);

# Everything that a test's configuration may want; cgi and the MPM come on top.
my @MODULES = qw(
  unixd log_config mime dir alias env setenvif headers rewrite negotiation
  include actions asis status
  authn_core authn_file authn_socache authz_core authz_user authz_host access_compat auth_basic
  proxy proxy_http proxy_connect proxy_ajp proxy_fcgi proxy_scgi proxy_uwsgi proxy_wstunnel
  proxy_http2 proxy_balancer lbmethod_byrequests slotmem_shm remoteip
  socache_shmcb socache_redis socache_memcache ssl http2
);

sub mpm { return $ENV{NEG_MPM} || 'event' }

my %asked;

sub apxs {
    my ($variable) = @_;
    my $program = apxs_program();
    return $asked{$variable} ||= do {
        my $value = run_ok([ $program, '-q', $variable ]);
        chomp $value;
        $value;
    };
}

sub apxs_program {
    return $ENV{NEG_APXS} if $ENV{NEG_APXS};
    for my $dir (split(/:/, $ENV{PATH}), '/usr/sbin') {
        for my $name (qw(apxs apxs2)) { return "$dir/$name" if -x "$dir/$name" }
    }
    die "apxs was not found; name it in NEG_APXS, or see tools/deps\n";
}

sub httpd_program { return apxs('SBINDIR') . '/' . apxs('PROGNAME') }

# The parent of an httpd that root starts changes to this user; else undef.
sub httpd_user {
    return if $> != 0;
    for my $name (qw(www-data apache nobody)) {
        my @entry = getpwnam $name or next;
        return wantarray ? ($name, scalar getgrgid $entry[3]) : $name;
    }
    die "none of the users www-data, apache and nobody exists\n";
}

# LoadModule lines for what is not compiled into the program. The threaded MPMs
# need cgid: forking a process with many threads is slow and risky.
sub module_lines {
    my %built_in = map { $_ => 1 } run_ok([ httpd_program(), '-l' ]) =~ /^\s*(?:mod_)?(\w+)\.c$/mg;
    my $cgi      = mpm() eq 'prefork' ? 'cgi' : 'cgid';
    my $dir      = apxs('LIBEXECDIR');
    my @lines;
    push @lines, "LoadModule mpm_${\mpm()}_module $dir/mod_mpm_${\mpm()}.so" if !$built_in{ mpm() };
    for my $name (@MODULES, $cgi) {
        next if $built_in{$name};
        push @lines, "LoadModule ${name}_module $dir/mod_$name.so" if -e "$dir/mod_$name.so";
    }
    return join '', map { "$_\n" } @lines;
}

# What only the server shall see: where its replay cache lies, and the run-time
# library of a module that was built with -fsanitize. httpd never frees what
# lives until its end, so leaks are not looked for here.
sub httpd_env {
    my ($stage_dir) = @_;
    my %env = (
        KRB5RCACHEDIR => "$stage_dir/rcache",
        KRB5_KTNAME   => "FILE:$stage_dir/keytab/http.keytab",
        KRB5CCNAME    => 'FILE:/nonexistent/the-server-has-no-tickets',
    );
    if (my $libraries = $ENV{NEG_SANITIZE_PRELOAD}) {
        $env{LD_PRELOAD}    = $libraries;
        $env{ASAN_OPTIONS}  = 'detect_leaks=0:abort_on_error=1:handle_segv=1';
        $env{UBSAN_OPTIONS} = 'print_stacktrace=1';
    }
    return %env;
}

1;

__END__

=head1 NAME

NegTest::Httpd - facts about the httpd to test with

=head1 SYNOPSIS

    use NegTest::Httpd qw(apxs httpd_program httpd_user httpd_env module_lines mpm);
    apxs('LIBEXECDIR');
    my ($user, $group) = httpd_user();      # empty for an ordinary user
    mpm();                                  # NEG_MPM, event by default
    print $conf module_lines();

=cut
